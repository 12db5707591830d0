"""Bodies of the native API, ``/api/*``.

Source: contract ``ollama-http-api`` 4 and 5. Requests are read by
:mod:`puna.api.decoding`; responses document what the translators write.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from puna.api.decoding import Go, WireModel
from puna.api.fields import Arguments, Images, KeepAliveField, Options, ThinkField, TruncateField
from puna.api.tools import ToolField


class ToolCallFunction(WireModel):
    """The function of a tool call."""

    index: int = 0
    name: str = ""
    arguments: Arguments = Field(default_factory=dict)


class ToolCall(WireModel):
    """A call the model made."""

    id: str = ""
    function: ToolCallFunction = ToolCallFunction()


class Message(WireModel):
    """One turn of a conversation."""

    go_inner: ClassVar[str] = "api.Alias"

    role: str = ""
    content: str = ""
    thinking: str = ""
    images: Images = Field(default_factory=list)
    tool_calls: list[ToolCall] = Field(default_factory=list)
    tool_name: str = ""
    tool_call_id: str = ""


class ModelRequest(WireModel):
    """What generate and chat have in common."""

    model: str = ""
    stream: bool | None = None
    format: Any = None
    grammar: str = ""
    keep_alive: KeepAliveField = None
    options: Options = Field(default_factory=dict)
    think: ThinkField = None
    truncate: TruncateField = None
    shift: bool | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    return_progress: bool = False
    return_repeat: bool = False
    debug_render_only: bool = Field(False, alias="_debug_render_only")


class GenerateRequest(ModelRequest):
    """``POST /api/generate``."""

    prompt: str = ""
    suffix: str = ""
    system: str = ""
    template: str = ""
    context: list[int] = Field(default_factory=list)
    raw: bool = False
    images: Images = Field(default_factory=list)


class ChatRequest(ModelRequest):
    """``POST /api/chat``."""

    messages: list[Message] = Field(default_factory=list)
    tools: Annotated[list[ToolField], Go("api.Tools")] = Field(default_factory=list)


class EmbedRequest(WireModel):
    """``POST /api/embed``."""

    model: str = ""
    input: Any = None
    truncate: TruncateField = None
    dimensions: int = 0
    keep_alive: KeepAliveField = None
    options: Options = Field(default_factory=dict)


class EmbeddingRequest(WireModel):
    """``POST /api/embeddings``."""

    model: str = ""
    prompt: str = ""
    keep_alive: KeepAliveField = None
    options: Options = Field(default_factory=dict)


class ShowRequest(WireModel):
    """``POST /api/show``."""

    model: str = ""
    name: str = ""
    verbose: bool = False
    system: str = ""
    template: str = ""
    options: Options = Field(default_factory=dict)


class CopyRequest(WireModel):
    """``POST /api/copy``."""

    source: str = ""
    destination: str = ""


class DeleteRequest(WireModel):
    """``DELETE /api/delete``."""

    model: str = ""
    name: str = ""


class PullRequest(WireModel):
    """``POST /api/pull``; in the background it goes on when its client leaves.

    Name and password of a user are accepted and mean nothing.
    """

    model: str = ""
    name: str = ""
    insecure: bool = False
    username: str = ""
    password: str = ""
    background: bool = False
    stream: bool | None = None


class PushRequest(WireModel):
    """``POST /api/push``; name and password of a user are accepted and mean nothing."""

    model: str = ""
    name: str = ""
    insecure: bool = False
    username: str = ""
    password: str = ""
    stream: bool | None = None


class CreateRequest(WireModel):
    """``POST /api/create``."""

    model: str = ""
    name: str = ""
    from_: str = Field("", alias="from")
    files: dict[str, str] | None = None
    adapters: dict[str, str] | None = None
    draft_files: dict[str, str] | None = None
    draft_quantize: str = ""
    quantize: str = ""
    quantization: str = ""
    template: str = ""
    system: str = ""
    license: Any = None
    parameters: Options = Field(default_factory=dict)
    messages: list[Message] = Field(default_factory=list)
    renderer: str = ""
    parser: str = ""
    requires: str = ""
    remote_host: str = ""
    info: Options = Field(default_factory=dict)
    stream: bool | None = None


class SettingsChange(WireModel):
    """``PUT /api/settings``."""

    changes: dict[str, Any] = Field(default_factory=dict)


class Logprob(BaseModel):
    """One produced token and how likely it was."""

    token: str
    logprob: float
    bytes: list[int]
    top_logprobs: list[dict[str, Any]] | None = None


class Metrics(BaseModel):
    """What a last line adds. Durations in ns; the last three where a prompt was cut."""

    done_reason: str | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None
    truncated: bool | None = None
    prompt_tokens_total: int | None = None
    dropped_messages: int | None = None


class PromptProgress(BaseModel):
    """How far the prompt is read, in tokens; with ``return_progress`` only."""

    processed: int
    total: int


class GenerateResponse(Metrics):
    """A line of ``/api/generate``, or its only object."""

    model: str
    created_at: str
    response: str
    thinking: str | None = None
    done: bool
    context: list[int] | None = None
    logprobs: list[Logprob] | None = None
    prompt_progress: PromptProgress | None = None


class ChatResponse(Metrics):
    """A line of ``/api/chat``, or its only object."""

    model: str
    created_at: str
    message: Message
    done: bool
    logprobs: list[Logprob] | None = None
    prompt_progress: PromptProgress | None = None


class EmbedResponse(BaseModel):
    """Answer of ``/api/embed``; the lists are of the single inputs."""

    model: str
    embeddings: list[list[float]]
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_counts: list[int] | None = None
    truncated_inputs: list[int] | None = None


class EmbeddingResponse(BaseModel):
    """Answer of ``/api/embeddings``."""

    embedding: list[float]


class ModelDetails(BaseModel):
    """What kind of model it is."""

    parent_model: str
    format: str
    family: str
    families: list[str] | None
    parameter_size: str
    quantization_level: str
    context_length: int | None = None
    embedding_length: int | None = None


class ListedModel(BaseModel):
    """One entry of ``/api/tags``."""

    name: str
    model: str
    modified_at: str
    size: int
    digest: str
    details: ModelDetails
    capabilities: list[str] | None = None


class ListResponse(BaseModel):
    """Answer of ``/api/tags``."""

    models: list[ListedModel]


class RunningModel(BaseModel):
    """One entry of ``/api/ps``."""

    name: str
    model: str
    size: int
    digest: str
    details: ModelDetails
    expires_at: str
    size_vram: int
    context_length: int


class ProcessResponse(BaseModel):
    """Answer of ``/api/ps``."""

    models: list[RunningModel]


class ShowResponse(BaseModel):
    """Answer of ``/api/show``."""

    license: str | None = None
    modelfile: str | None = None
    parameters: str | None = None
    template: str | None = None
    system: str | None = None
    details: ModelDetails
    messages: list[Message] | None = None
    model_info: dict[str, Any]
    projector_info: dict[str, Any] | None = None
    tensors: list[dict[str, Any]] | None = None
    capabilities: list[str] | None = None
    modified_at: str | None = None


class StatusLine(BaseModel):
    """A line of create, pull and push."""

    status: str
    digest: str | None = None
    total: int | None = None
    completed: int | None = None


class VersionResponse(BaseModel):
    """Answer of ``/api/version``."""

    version: str


class CloudStatus(BaseModel):
    """Whether models that run elsewhere may be used, and who decided."""

    disabled: bool
    source: str


class ServerStatus(BaseModel):
    """Answer of ``/api/status``."""

    cloud: CloudStatus


class SettingEntry(BaseModel):
    """One setting as ``/api/settings`` lists it."""

    name: str
    env: str
    kind: str
    choices: list[str]
    value: Any
    default: Any
    origin: str
    applies: str
    locked: bool
    help: str


class SettingsResponse(BaseModel):
    """Answer of ``GET /api/settings``."""

    settings: list[SettingEntry]


class SettingsApplied(BaseModel):
    """Answer of ``PUT /api/settings``."""

    applied: list[str]
    restart_required: list[str]
    locked: list[str]


class ErrorResponse(BaseModel):
    """The body of every refusal of the native API."""

    error: str
