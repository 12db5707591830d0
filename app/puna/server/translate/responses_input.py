"""The input of the Responses dialect: items into messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from puna.api import gojson
from puna.api import responses_items as wire
from puna.api.faults import told_of
from puna.chat.messages import Message, ToolCall
from puna.errors import InvalidInput
from puna.server.translate.openai_messages import data_image


def input_messages(given: str | Sequence[wire.Item] | None) -> list[Message]:
    """The turns of ``input``.

    Raises:
        InvalidInput: arguments or an image that cannot be read, with Ollama's text.
    """
    if not given:
        return []
    if isinstance(given, str):
        return [Message("user", given)]
    reader = _Items()
    for item in given:
        reader.add(item)
    return reader.messages


class _Items:
    """Collects the messages of a list of input items."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._thinking = ""
        self._names: dict[str, str] = {}

    def add(self, item: wire.Item) -> None:
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


def _content(parts: Sequence[wire.Part]) -> tuple[str, tuple[bytes, ...]]:
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
