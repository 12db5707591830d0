"""Bodies of the OpenAI Responses API, ``/v1/responses``.

Source: contract ``ollama-http-api`` 6.5.
"""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, Field

from puna.api.decoding import WireModel


class ReasoningParam(WireModel):
    """How much to think, and what to say of it."""

    go_type: ClassVar[str] = "openai.ResponsesReasoning"

    effort: str = ""
    summary: str | None = None


class TextFormat(WireModel):
    """The form of the answer: ``text``, ``json_object`` or ``json_schema``."""

    go_type: ClassVar[str] = "openai.ResponsesTextFormat"

    type: str = ""
    name: str | None = None
    schema_: Any = Field(None, alias="schema")
    strict: bool | None = None


class TextParam(WireModel):
    """Settings of the text."""

    go_type: ClassVar[str] = "openai.ResponsesText"

    format: TextFormat | None = None


class ResponsesTool(WireModel):
    """A function, or a namespace of them."""

    go_type: ClassVar[str] = "openai.ResponsesTool"

    type: str = ""
    name: str = ""
    description: str | None = None
    strict: bool | None = None
    parameters: dict[str, Any] | None = None
    tools: list[ResponsesTool] = Field(default_factory=list)


class ItemHead(WireModel):
    """What tells the kind of an input item."""

    go_type: ClassVar[str] = (
        'struct { Type string "json:\\"type\\""; Role string "json:\\"role\\"" }'
    )

    type: str = ""
    role: str = ""


class PartHead(WireModel):
    """What tells the kind of a piece of content."""

    go_type: ClassVar[str] = 'struct { Type string "json:\\"type\\"" }'

    type: str = ""


class TextPart(WireModel):
    """Text of the user."""

    go_type: ClassVar[str] = "openai.ResponsesTextContent"

    type: str = ""
    text: str = ""


class OutputTextPart(TextPart):
    """Text of an earlier answer."""

    go_type: ClassVar[str] = "openai.ResponsesOutputTextContent"


class ImagePart(WireModel):
    """An image."""

    go_type: ClassVar[str] = "openai.ResponsesImageContent"

    type: str = ""
    detail: str = ""
    file_id: str = ""
    image_url: str = ""


class FilePart(WireModel):
    """A file."""

    go_type: ClassVar[str] = "openai.ResponsesFileContent"

    type: str = ""
    file_data: str = ""
    file_id: str = ""
    file_url: str = ""
    filename: str = ""


class MessageItem(WireModel):
    """A turn."""

    go_type: ClassVar[str] = "openai."

    type: str = ""
    role: str = ""
    content: Any = None


class FunctionCallItem(WireModel):
    """A call of an earlier answer."""

    go_type: ClassVar[str] = "openai.ResponsesFunctionCall"

    id: str = ""
    type: str = ""
    call_id: str = ""
    name: str = ""
    arguments: str = ""


class CallOutputItem(WireModel):
    """What a call gave."""

    go_type: ClassVar[str] = "openai."

    type: str = ""
    call_id: str = ""
    output: Any = None


class SummaryPart(WireModel):
    """A piece of what is told of the reasoning."""

    go_type: ClassVar[str] = "openai.ResponsesReasoningSummary"

    type: str = ""
    text: str = ""


class ReasoningItem(WireModel):
    """The reasoning of an earlier answer."""

    go_type: ClassVar[str] = "openai.ResponsesReasoningInput"

    id: str = ""
    type: str = ""
    summary: list[SummaryPart] = Field(default_factory=list)
    encrypted_content: str = ""


class ResponsesRequest(WireModel):
    """``POST /v1/responses``; ``options``, ``num_ctx`` and ``keep_alive`` are ours."""

    go_type: ClassVar[str] = "openai.ResponsesRequest"

    model: str = ""
    input: Any = None
    instructions: str = ""
    max_output_tokens: int | None = None
    reasoning: ReasoningParam | None = None
    temperature: float | None = None
    top_p: float | None = None
    text: TextParam | None = None
    tools: list[ResponsesTool] = Field(default_factory=list)
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    truncation: str | None = None
    background: bool | None = None
    stream: bool = False
    options: dict[str, Any] = Field(default_factory=dict)
    num_ctx: int | None = None
    keep_alive: Any = None


class ResponsesResponse(BaseModel):
    """A whole answer; the fields that are not listed echo the request."""

    id: str
    object: str
    created_at: int
    completed_at: int | None
    status: str
    model: str
    output: list[dict[str, Any]]
    usage: dict[str, Any] | None


class InputTokens(BaseModel):
    """Answer of ``/v1/responses/input_tokens``."""

    object: str
    input_tokens: int
