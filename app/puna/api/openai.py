"""Bodies of the OpenAI-compatible API, ``/v1/*``.

Source: contract ``ollama-http-api`` 6. Fields that OpenAI knows and nothing
here can honour are not listed; they are ignored, as Ollama ignores them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from puna.api.decoding import Go, WireModel
from puna.api.fields import KeepAliveField, Options
from puna.api.tools import ToolField


class StreamOptions(WireModel):
    """What a stream carries besides the answer."""

    go_type: ClassVar[str] = "openai.StreamOptions"

    include_usage: bool = False


class Function(WireModel):
    """Name and arguments of a tool call."""

    go_type: ClassVar[str] = (
        'struct { Name string "json:\\"name\\""; Arguments string "json:\\"arguments\\"" }'
    )

    name: str = ""
    arguments: str = ""


class ToolCall(WireModel):
    """A tool call of an earlier answer; arguments are JSON text."""

    go_type: ClassVar[str] = "openai.ToolCall"

    id: str = ""
    index: int = 0
    type: str = ""
    function: Function = Function()


class Message(WireModel):
    """One turn; ``content`` is a text or a list of parts."""

    go_type: ClassVar[str] = "openai.Message"

    role: str = ""
    content: Any = None
    reasoning: str = ""
    tool_calls: list[ToolCall] | None = None
    name: str = ""
    tool_call_id: str = ""


class ResponseFormat(WireModel):
    """What an answer must look like."""

    go_type: ClassVar[str] = "openai.ResponseFormat"

    type: str = ""
    json_schema: Annotated[dict[str, Any], Go("openai.JsonSchema")] = Field(default_factory=dict)


class Reasoning(WireModel):
    """How much to think."""

    go_type: ClassVar[str] = "openai.Reasoning"

    effort: str = ""


class ChatCompletionRequest(WireModel):
    """``POST /v1/chat/completions``.

    ``grammar``, ``options``, ``num_ctx`` and ``keep_alive`` are additions:
    OpenAI has no words for what they say.
    """

    go_type: ClassVar[str] = "openai.ChatCompletionRequest"

    model: str = ""
    messages: list[Message] = Field(default_factory=list)
    stream: bool = False
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    seed: int | None = None
    stop: Any = None
    temperature: float | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    top_p: float | None = None
    n: int | None = None
    response_format: ResponseFormat | None = None
    grammar: str = ""
    tools: Annotated[list[ToolField], Go("[]api.Tool")] = Field(default_factory=list)
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    reasoning: Reasoning | None = None
    reasoning_effort: str | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    options: Options = Field(default_factory=dict)
    num_ctx: int | None = None
    keep_alive: KeepAliveField = None
    debug_render_only: bool = Field(False, alias="_debug_render_only")


class EmbeddingsRequest(WireModel):
    """``POST /v1/embeddings``."""

    go_type: ClassVar[str] = "openai.EmbedRequest"

    model: str = ""
    input: Any = None
    dimensions: int = 0
    encoding_format: str = ""
    options: Options = Field(default_factory=dict)
    keep_alive: KeepAliveField = None


class ErrorDetails(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorResponse(BaseModel):
    """The body of every refusal under ``/v1``."""

    error: ErrorDetails


class Usage(BaseModel):
    """Tokens of prompt and answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class ChatCompletion(BaseModel):
    """The whole answer."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[dict[str, Any]]
    usage: Usage


class ChatCompletionChunk(BaseModel):
    """One event of a stream."""

    id: str
    object: str
    created: int
    model: str
    system_fingerprint: str
    choices: list[dict[str, Any]]
    usage: Usage | None = None


class EmbeddingList(BaseModel):
    """Answer of ``/v1/embeddings``."""

    object: str
    data: list[dict[str, Any]]
    model: str
    usage: dict[str, int]


class Model(BaseModel):
    """One entry of ``/v1/models``; what follows ``owned_by`` is our addition."""

    id: str
    object: str
    created: int
    owned_by: str
    context_length: int | None = None
    max_model_len: int | None = None
    capabilities: list[str] | None = None
    loaded: bool | None = None


class ModelList(BaseModel):
    """Answer of ``/v1/models``."""

    object: str
    data: list[Model]


class Transcription(BaseModel):
    """Answer of ``/v1/audio/transcriptions``."""

    text: str
