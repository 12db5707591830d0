"""Fields of the native API that are read by rules of their own."""

from __future__ import annotations

import math
from typing import Annotated, Any, TypeAlias

from pydantic import WithJsonSchema

from puna.api.decoding import Also, Custom, Go
from puna.api.faults import go_kind
from puna.api.gojson import NOT_AN_OBJECT
from puna.chat.messages import Think
from puna.config.values import parse_duration
from puna.errors import InvalidInput
from puna.gotext import quote

THINK_LEVELS = ("high", "medium", "low", "max")
_WORDS = '"high", "medium", "low", "max", true, or false'
_GO_ANY = {"bool": "bool", "object": "map[string]interface {}", "array": "[]interface {}"}
_MAX_SECONDS = (2**63 - 1) / 1e9


def read_think(value: Any) -> Think:
    """``think``: a boolean or a level.

    Raises:
        InvalidInput: anything else.
    """
    if isinstance(value, bool):
        return Think(value)
    if not isinstance(value, str):
        raise InvalidInput(f"think must be a boolean or string ({_WORDS})")
    if value not in THINK_LEVELS:
        raise InvalidInput(f"invalid think value: {quote(value)} (must be {_WORDS})")
    return Think(True, value)


def read_keep_alive(value: Any) -> float:
    """``keep_alive`` in s; negative = forever (``inf``).

    A text without a unit counts as seconds, as a number does.

    Raises:
        InvalidInput: not a duration.
    """
    if isinstance(value, str):
        seconds = _seconds(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        seconds = min(float(value), _MAX_SECONDS) if value < _MAX_SECONDS else _MAX_SECONDS
    else:
        raise InvalidInput(f"Unsupported type: '{_GO_ANY[go_kind(value)]}'")
    return math.inf if seconds < 0 else seconds


def _seconds(text: str) -> float:
    if text.removeprefix("-").isdigit() and text.isascii():
        return float(text)
    return parse_duration(text)


ThinkField: TypeAlias = Annotated[bool | str | None, Custom(read_think)]
KeepAliveField: TypeAlias = Annotated[float | str | None, Custom(read_keep_alive)]
TruncateField: TypeAlias = Annotated[
    bool | None,
    Also("error", False),
    WithJsonSchema({"anyOf": [{"type": "boolean"}, {"const": "error"}, {"type": "null"}]}),
]
"""Whether a prompt that is too long may be cut; ``"error"`` says what ``false`` does."""
Options: TypeAlias = dict[str, Any]
Images: TypeAlias = Annotated[list[Annotated[bytes, Go("api.ImageData")]], Go("[]api.ImageData")]


def read_arguments(value: Any) -> dict[str, Any]:
    """Arguments of a tool call: an object.

    Raises:
        InvalidInput: with the text of the reader Ollama uses here.
    """
    if not isinstance(value, dict):
        raise InvalidInput(NOT_AN_OBJECT)
    return value


Arguments: TypeAlias = Annotated[dict[str, Any], Custom(read_arguments)]
