"""Bodies of the Anthropic API, ``/v1/messages``.

Source: contract ``ollama-http-api`` 7.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from puna.api.decoding import Go, ReadBy, WireModel, checked, named_as, struct_reader
from puna.api.faults import Faults, Place, mismatch
from puna.api.fields import Arguments


class ImageSource(WireModel):
    """Where an image is."""

    go_type: ClassVar[str] = "anthropic.ImageSource"

    type: str = ""
    media_type: str = ""
    data: str = ""
    url: str = ""


class ContentBlock(WireModel):
    """A piece of a turn; which fields count depends on its type."""

    go_type: ClassVar[str] = "anthropic.ContentBlock"

    type: str = ""
    text: str | None = None
    source: ImageSource | None = None
    id: str = ""
    name: str = ""
    input: Arguments = Field(default_factory=dict)
    tool_use_id: str = ""
    content: Any = None
    is_error: bool = False
    thinking: str | None = None
    signature: str = ""


def _read_content(value: Any, place: Place | None, faults: Faults) -> Any:
    """A text or a list of blocks, whose faults are told as those of the turn."""
    outer = place.outer if place else None
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise mismatch(value, outer, "[]anthropic.ContentBlock")
    for block in value:
        struct_reader(ContentBlock)(block, outer, faults)
    return named_as(list[ContentBlock], value)


class MessageParam(WireModel):
    """One turn; the content is a text or a list of blocks."""

    go_type: ClassVar[str] = "anthropic.MessageParam"
    go_inner: ClassVar[str] = (
        'struct { Role string "json:\\"role\\""; Content json.RawMessage "json:\\"content\\"" }'
    )
    go_needs: ClassVar[dict[str, str]] = {"content": "unexpected end of JSON input"}

    role: str = ""
    content: Annotated[str | list[Any] | None, ReadBy(_read_content)] = None


class ToolParam(WireModel):
    """A tool; one whose type starts with ``web_search`` would run on a server."""

    go_type: ClassVar[str] = "anthropic.Tool"

    type: str = ""
    name: str = ""
    description: str = ""
    input_schema: Any = None
    strict: Any = None


class ToolChoiceParam(WireModel):
    """Which tool must be called."""

    go_type: ClassVar[str] = "anthropic.ToolChoice"

    type: str = ""
    name: str = ""
    disable_parallel_tool_use: bool = False


class ThinkingParam(WireModel):
    """Whether to think before answering."""

    go_type: ClassVar[str] = "anthropic.ThinkingConfig"

    type: str = ""
    budget_tokens: int = 0


class OutputFormat(WireModel):
    """The form of the answer: ``json_schema``."""

    go_type: ClassVar[str] = "anthropic.OutputFormat"
    go_transparent: ClassVar[bool] = True

    type: str = ""
    schema_: Any = Field(None, alias="schema")


class OutputConfig(WireModel):
    """How much effort to take, and what the answer must look like."""

    go_type: ClassVar[str] = "anthropic.OutputConfig"

    effort: str = ""
    format: OutputFormat | None = None


class MessagesRequest(WireModel):
    """``POST /v1/messages``; ``options``, ``num_ctx`` and ``keep_alive`` are ours."""

    go_type: ClassVar[str] = "anthropic.MessagesRequest"

    model: str = ""
    max_tokens: int = 0
    messages: Annotated[list[MessageParam], Go("[]anthropic.MessageParam")] = Field(
        default_factory=list
    )
    system: Any = None
    stream: bool = False
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    stop_sequences: list[str] = Field(default_factory=list)
    tools: Annotated[list[ToolParam], Go("[]anthropic.Tool")] = Field(default_factory=list)
    tool_choice: Annotated[dict[str, Any] | None, checked(ToolChoiceParam)] = None
    thinking: ThinkingParam | None = None
    output_config: OutputConfig | None = None
    output_format: OutputFormat | None = None
    options: dict[str, Any] = Field(default_factory=dict)
    num_ctx: int | None = None
    keep_alive: Any = None


class MessageUsage(BaseModel):
    """Tokens of an answer."""

    input_tokens: int
    output_tokens: int


class MessagesResponse(BaseModel):
    """A whole answer."""

    id: str
    type: str
    role: str
    model: str
    content: list[dict[str, Any]]
    stop_reason: str
    stop_sequence: str | None = None
    usage: MessageUsage


class TokenCount(BaseModel):
    """``POST /v1/messages/count_tokens``."""

    input_tokens: int


class AnthropicErrorDetail(BaseModel):
    """What went wrong."""

    type: str
    message: str


class AnthropicError(BaseModel):
    """The body of a refusal."""

    type: str
    error: AnthropicErrorDetail
    request_id: str
