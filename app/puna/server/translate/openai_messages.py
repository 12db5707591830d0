"""Messages and controls of the OpenAI dialect as those of the domain.

Source: contract ``ollama-http-api`` 6.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from puna.api import gojson
from puna.api import openai as wire
from puna.api.gobase64 import decode_base64
from puna.chat.messages import Message, Think, ToolCall
from puna.errors import InvalidInput
from puna.gotext import quote

_IMAGE_PREFIXES = (
    "data:image/jpeg;base64,",
    "data:image/jpg;base64,",
    "data:image/png;base64,",
    "data:image/webp;base64,",
    "data:;base64,",
)
_EFFORTS = {
    "none": Think(False),
    "minimal": Think(True, "low"),
    "low": Think(True, "low"),
    "medium": Think(True, "medium"),
    "high": Think(True, "high"),
    "xhigh": Think(True, "max"),
    "ultra": Think(True, "max"),
    "max": Think(True, "max"),
}
_EFFORT_WORDS = '"minimal", "low", "medium", "high", "xhigh", "ultra", "max", or "none"'


def messages(items: Sequence[wire.Message]) -> tuple[Message, ...]:
    """Every turn; a part of a turn is a message of its own.

    Raises:
        InvalidInput: content of a kind that cannot be used.
    """
    return tuple(found for item in items for found in _turn(item, items))


def _turn(item: wire.Message, items: Sequence[wire.Message]) -> list[Message]:
    calls = _tool_calls(item.tool_calls or ())
    tool_name = item.name or _name_of_call(items, item.tool_call_id) if item.role == "tool" else ""
    parts: list[tuple[str, tuple[bytes, ...]]]
    match item.content:
        case str(text):
            parts = [(text, ())]
        case list(found):
            parts = [_part(part) for part in found]
        case _ if item.tool_calls is not None:
            parts = [("", ())]
        case other:
            raise InvalidInput(f"invalid message content type: {go_type(other)}")
    role = item.role.lower()
    last = len(parts) - 1
    return [
        Message(
            role,
            text,
            thinking=item.reasoning if index == last else "",
            images=images,
            tool_calls=calls if index == last else (),
            tool_name=tool_name,
            tool_call_id=item.tool_call_id,
        )
        for index, (text, images) in enumerate(parts)
    ]


def _part(part: Any) -> tuple[str, tuple[bytes, ...]]:
    match part:
        case {"type": "text", "text": str(text)}:
            return text, ()
        case {"type": "image_url", "image_url": {"url": str(url)} | str(url)}:
            return "", (data_image(url),)
        case {"type": "input_audio", "input_audio": {"data": str(data)}}:
            return "", (_audio(data),)
        case {"type": "input_audio", "input_audio": dict()}:
            raise InvalidInput("invalid input_audio format: missing data")
        case {"type": "input_audio"}:
            raise InvalidInput("invalid input_audio format")
        case _:
            raise InvalidInput("invalid message format")


def data_image(url: str) -> bytes:
    """The image in a ``data:`` URL.

    Raises:
        InvalidInput: with Ollama's text.
    """
    if url.startswith(("http://", "https://")):
        raise InvalidInput(
            "image URLs are not currently supported, please use base64 encoded data instead"
        )
    prefix = next((prefix for prefix in _IMAGE_PREFIXES if url.startswith(prefix)), None)
    if prefix is None:
        raise InvalidInput("invalid image input")
    try:
        return decode_base64(url.removeprefix(prefix))
    except InvalidInput as error:
        raise InvalidInput("invalid image input") from error


def _audio(data: str) -> bytes:
    try:
        return decode_base64(data)
    except InvalidInput as error:
        raise InvalidInput(f"invalid input_audio base64 data: {error}") from error


def _tool_calls(calls: Sequence[wire.ToolCall]) -> tuple[ToolCall, ...]:
    return tuple(
        ToolCall(call.function.name, _arguments(call.function.arguments), call.id, index)
        for index, call in enumerate(calls)
    )


def _arguments(text: str) -> dict[str, Any]:
    try:
        return gojson.object_of(text)
    except InvalidInput as error:
        raise InvalidInput("invalid tool call arguments") from error


def _name_of_call(items: Sequence[wire.Message], call_id: str) -> str:
    calls = (call for item in items for call in item.tool_calls or ())
    return next((call.function.name for call in calls if call_id and call.id == call_id), "")


def go_type(value: Any) -> str:
    """The Go type of a JSON value that nothing is expected of."""
    match value:
        case None:
            return "<nil>"
        case bool():
            return "bool"
        case int() | float():
            return "float64"
        case list():
            return "[]interface {}"
        case _:
            return "map[string]interface {}"


def effort(*levels: str) -> Think | None:
    """How much to think; the first level that is not empty counts.

    Raises:
        InvalidInput: not a level.
    """
    level = next((level for level in levels if level), "")
    if not level:
        return None
    if level not in _EFFORTS:
        raise InvalidInput(f"invalid reasoning value: {quote(level)} (must be {_EFFORT_WORDS})")
    return _EFFORTS[level]


def stop_texts(value: Any) -> list[str]:
    """Stop texts of a string or a list; what is no text is dropped."""
    if isinstance(value, str):
        return [value]
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
