"""Bodies of the OpenAI Responses API, ``/v1/responses``.

Source: contract ``ollama-http-api`` 6.5.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field

from puna.api.decoding import Custom, WireModel
from puna.api.responses_items import read_input


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


class ResponsesRequest(WireModel):
    """``POST /v1/responses``; ``options``, ``num_ctx`` and ``keep_alive`` are ours."""

    go_type: ClassVar[str] = "openai.ResponsesRequest"

    model: str = ""
    input: Annotated[Any, Custom(read_input)] = None
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
