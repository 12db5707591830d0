"""The input of the Responses dialect: items into messages.

All items are read before the first is turned into a message; a fault in the
reading is told with the place of the item. Source: contract
``ollama-http-api`` 6.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from msgspec.structs import replace

from puna.api import gojson
from puna.api import responses as wire
from puna.api.decoding import decode
from puna.api.faults import go_kind, told_of
from puna.chat.messages import Message, ToolCall
from puna.errors import InvalidInput
from puna.gotemplate.text import quote
from puna.server.translate.openai_messages import data_image

_Part: TypeAlias = wire.TextPart | wire.ImagePart | wire.FilePart
_Item: TypeAlias = (
    wire.MessageItem | wire.FunctionCallItem | wire.CallOutputItem | wire.ReasoningItem
)
_PARTS: Mapping[str, type[_Part]] = {
    "input_text": wire.TextPart,
    "text": wire.TextPart,
    "output_text": wire.OutputTextPart,
    "input_image": wire.ImagePart,
    "input_file": wire.FilePart,
}


def input_messages(value: Any) -> list[Message]:
    """The turns of ``input``: a text, or a list of items.

    Raises:
        InvalidInput: with Ollama's text.
    """
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Message("user", value)]
    reader = _Items()
    for item in list(_read_items(value)):
        reader.add(item)
    return reader.messages


# ---------------------------------------------------------------- reading


def _read_items(value: Any) -> Iterator[_Item]:
    for index, item in enumerate(_listed(value, "input")):
        with told_of(f"input[{index}]"):
            found = _read_item(item)
        if found is not None:
            yield found


def _read_item(value: Any) -> _Item | None:
    head = decode(wire.ItemHead, value)
    match head.type or ("message" if head.role else ""):
        case "message":
            message = decode(wire.MessageItem, value)
            return message.model_copy(update={"content": _read_content(message.content, "content")})
        case "function_call":
            return decode(wire.FunctionCallItem, value)
        case "function_call_output":
            output = decode(wire.CallOutputItem, value)
            return output.model_copy(update={"output": _read_content(output.output, "output")})
        case "reasoning":
            return decode(wire.ReasoningItem, value)
        case "web_search_call":
            return None
        case "":
            raise InvalidInput("input item missing required 'type' field")
        case kind:
            raise InvalidInput(f"unknown input item type: {quote(kind)}")


def _read_content(value: Any, field: str) -> list[_Part]:
    if value is None:
        return []
    if isinstance(value, str):
        return [wire.TextPart(text=value)]
    parts = []
    for index, part in enumerate(_listed(value, field)):
        with told_of(f"{field}[{index}]"):
            kind = decode(wire.PartHead, part).type
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


# ---------------------------------------------------------------- turning into messages


class _Items:
    """Collects the messages of a list of input items."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._thinking = ""
        self._names: dict[str, str] = {}

    def add(self, item: _Item) -> None:
        """Take in the next item."""
        match item:
            case wire.MessageItem():
                self._message(item)
            case wire.FunctionCallItem():
                self._call(item)
            case wire.CallOutputItem():
                self._output(item)
            case wire.ReasoningItem():
                summary = "".join(part.text for part in item.summary)
                self._thinking = item.encrypted_content or summary

    def _message(self, item: wire.MessageItem) -> None:
        text, images = _content(item.content)
        role = (item.role or "user").lower()
        thinking = self._take_thinking() if role == "assistant" else ""
        self.messages.append(Message(role, text, thinking, images))

    def _call(self, item: wire.FunctionCallItem) -> None:
        self._names[item.call_id] = item.name
        last = self.messages[-1] if self.messages else None
        if last is None or last.role != "assistant":
            last = Message("assistant", thinking=self._take_thinking())
            self.messages.append(last)
        call = ToolCall(item.name, _arguments(item.arguments), item.call_id, len(last.tool_calls))
        self.messages[-1] = replace(last, tool_calls=(*last.tool_calls, call))

    def _output(self, item: wire.CallOutputItem) -> None:
        text, images = _content(item.output)
        self.messages.append(
            Message(
                "tool",
                text,
                images=images,
                tool_name=self._names.get(item.call_id, ""),
                tool_call_id=item.call_id,
            )
        )

    def _take_thinking(self) -> str:
        thinking, self._thinking = self._thinking, ""
        return thinking


def _arguments(text: str) -> Mapping[str, Any]:
    with told_of("failed to parse function call arguments"):
        return gojson.object_of(text) if text else {}


def _content(parts: Sequence[_Part]) -> tuple[str, tuple[bytes, ...]]:
    texts, images = [], []
    for part in parts:
        match part:
            case wire.TextPart():
                texts.append(part.text)
            case wire.ImagePart() if part.image_url:
                images.append(data_image(part.image_url))
            case wire.FilePart():
                raise InvalidInput("file inputs are not currently supported")
    return "".join(texts), tuple(images)
