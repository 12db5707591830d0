"""The items of the input of ``/v1/responses``.

A fault in one is told with its place, before any of the other fields, since the input
has a reader of its own in Ollama. Source: contract ``ollama-http-api`` 6.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, TypeAlias

from pydantic import Field

from puna.api.decoding import WireModel, decode
from puna.api.faults import go_kind, told_of
from puna.errors import InvalidInput
from puna.gotext import quote


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


Part: TypeAlias = TextPart | ImagePart | FilePart
Item: TypeAlias = MessageItem | FunctionCallItem | CallOutputItem | ReasoningItem
_PARTS: Mapping[str, type[Part]] = {
    "input_text": TextPart,
    "text": TextPart,
    "output_text": OutputTextPart,
    "input_image": ImagePart,
    "input_file": FilePart,
}


def read_input(value: Any) -> str | list[Item]:
    """A text, or a list of items.

    Raises:
        InvalidInput: with Ollama's text.
    """
    return value if isinstance(value, str) else list(_read_items(value))


def _read_items(value: Any) -> Iterator[Item]:
    for index, item in enumerate(_listed(value, "input")):
        with told_of(f"input[{index}]"):
            found = _read_item(item)
        if found is not None:
            yield found


def _read_item(value: Any) -> Item | None:
    head = decode(ItemHead, value)
    match head.type or ("message" if head.role else ""):
        case "message":
            message = decode(MessageItem, value)
            return message.model_copy(update={"content": _read_content(message.content, "content")})
        case "function_call":
            return decode(FunctionCallItem, value)
        case "function_call_output":
            output = decode(CallOutputItem, value)
            return output.model_copy(update={"output": _read_content(output.output, "output")})
        case "reasoning":
            return decode(ReasoningItem, value)
        case "web_search_call":
            return None
        case "":
            raise InvalidInput("input item missing required 'type' field")
        case kind:
            raise InvalidInput(f"unknown input item type: {quote(kind)}")


def _read_content(value: Any, field: str) -> list[Part]:
    if value is None:
        return []
    if isinstance(value, str):
        return [TextPart(text=value)]
    parts = []
    for index, part in enumerate(_listed(value, field)):
        with told_of(f"{field}[{index}]"):
            kind = decode(PartHead, part).type
            if kind not in _PARTS:
                raise InvalidInput(f"unknown content type: {kind}")
            parts.append(decode(_PARTS[kind], part))
    return parts


def _listed(value: Any, field: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise InvalidInput(
        f"{field} must be a string or array: json: cannot unmarshal {go_kind(value)} "
        "into Go value of type []json.RawMessage"
    )
