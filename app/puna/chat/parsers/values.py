"""Values of call arguments, as the notations of the families write them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from puna.chat.messages import Tool, ToolCall

_MAX_DEPTH = 200
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]', re.DOTALL)
_ESCAPES = re.compile(
    r"\\(?:u[dD][89aAbB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_INTEGER = re.compile(r"[+-]?[0-9]+")


def json_value(text: str) -> Any:
    """Decode JSON; numbers stay integers where they are, half a character is U+FFFD.

    Raises:
        ValueError: not one JSON value, or one that is nested too deep.
    """
    if _is_too_deep(text):
        raise ValueError("nested too deep")
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        whole = _ESCAPES.sub(lambda found: "\\ufffd" if found[1] else found[0], text)
        if whole == text:
            raise
        return msgspec.json.decode(whole)


def _is_too_deep(text: str) -> bool:
    """A model that repeats itself opens brackets without end."""
    if text.count("[") + text.count("{") <= _MAX_DEPTH:
        return False
    depth = 0
    for part in _BRACKETS.finditer(text):
        if part[0] in "[{":
            depth += 1
        elif part[0] in "]}":
            depth -= 1
        if depth > _MAX_DEPTH:
            return True
    return False


def json_calls(data: object) -> list[ToolCall]:
    """Calls described by a JSON object or a list of them.

    Raises:
        ValueError: something in it does not describe a call.
    """
    return [_json_call(item) for item in (data if isinstance(data, list) else [data])]


def _json_call(data: object) -> ToolCall:
    item = data if isinstance(data, dict) else {}
    if isinstance(item.get("function"), dict):
        item = item["function"]
    name = item.get("name", item.get("tool_name"))
    arguments = item.get("arguments", item.get("parameters", {}))
    if isinstance(arguments, str):
        arguments = json_value(arguments)
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        raise ValueError("a call needs a name and an object of arguments")
    return ToolCall(name, arguments)


def types_of(tools: Sequence[Tool], name: str) -> Mapping[str, tuple[str, ...]]:
    """Declared JSON types of the arguments of a tool."""
    for tool in tools:
        if tool.name == name:
            properties = tool.parameters.get("properties")
            if isinstance(properties, Mapping):
                return {key: _types(value) for key, value in properties.items()}
    return {}


def _types(schema: object) -> tuple[str, ...]:
    if not isinstance(schema, Mapping):
        return ()
    found = schema.get("type")
    kinds = [found] if isinstance(found, str) else list(found or [])
    for option in schema.get("anyOf") or []:
        kinds.extend(_types(option))
    return tuple(str(kind) for kind in kinds)


def unwrapped(value: str) -> str:
    """Without the one newline that notations with tags put at each end of a value."""
    for newline in ("\r\n", "\n"):
        if value.startswith(newline):
            value = value.removeprefix(newline)
            break
    return value.removesuffix("\n").removesuffix("\r") if value.endswith("\n") else value


def typed(text: str, kinds: tuple[str, ...]) -> Any:
    """The value of an argument that was written as bare text.

    The text is read as the declared types allow, in the order null, boolean,
    integer, number, array, object; it stays a string when no type fits.
    """
    if text.lower() == "null":
        return None
    if not kinds:
        return text
    bare = text.strip()
    if "string" in kinds and len([kind for kind in kinds if kind != "null"]) == 1:
        return text
    if bare.lower() == "null":
        return None
    for kind in ("boolean", "integer", "number", "array", "object"):
        if kind in kinds:
            found, value = _READERS[kind](bare)
            if found:
                return value
    return False if kinds == ("boolean",) else text


def _boolean(text: str) -> tuple[bool, Any]:
    return text.lower() in ("true", "false"), text.lower() == "true"


def _integer(text: str) -> tuple[bool, Any]:
    # Python also takes underscores and the digits of other scripts.
    try:
        return (True, int(text)) if _INTEGER.fullmatch(text) else (False, None)
    except ValueError:
        return False, None


def _number(text: str) -> tuple[bool, Any]:
    found, whole = _integer(text)
    if found:
        return True, whole
    try:
        value = float(text)
    except ValueError:
        return False, None
    if (
        not text.isascii()
        or "_" in text
        or value != value
        or value in (float("inf"), float("-inf"))
    ):
        return False, None
    return True, int(value) if value.is_integer() and abs(value) < 2**53 else value


def _json_of(kind: type) -> Any:
    def read(text: str) -> tuple[bool, Any]:
        try:
            value = json_value(text)
        except ValueError:
            return False, None
        return isinstance(value, kind), value

    return read


_READERS = {
    "boolean": _boolean,
    "integer": _integer,
    "number": _number,
    "array": _json_of(list),
    "object": _json_of(dict),
}
