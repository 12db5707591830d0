"""Go values as Go's ``encoding/json`` writes them."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping

from puna.gotemplate.numbers import format_float
from puna.gotemplate.values import (
    FLOATS,
    INTS,
    LISTS,
    UINTS,
    Kind,
    Value,
    element,
    length,
    sorted_keys,
    struct_field,
    typed,
    value_of,
    without_interface,
)

EXTRA = ""
"""Key in a struct's data under which further JSON members wait."""

_SPECIAL = re.compile('[\\x00-\\x1f"\\\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT = {
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    '"': '\\"',
    "\\": "\\\\",
}
_TAGS: Mapping[str, tuple[str, ...]] = {
    "template.templateTool": ("type", "items?", "function"),
    "template.templateToolFunction": ("name", "description", "parameters"),
    "template.templateToolFunctionParameters": (
        "type",
        "$defs?",
        "items?",
        "required?",
        "properties",
    ),
    "api.ToolProperty": (
        "anyOf?",
        "type?",
        "items?",
        "description?",
        "enum?",
        "properties?",
        "required?",
    ),
}
"""JSON names of struct fields in order; ``?`` = left out when empty."""
_ORDERED = frozenset({"template.templateProperties", "api.ToolPropertiesMap"})


class NotJson(ValueError):
    """A value that JSON cannot hold."""


def to_json(value: Value) -> str:
    """Compact JSON with Go's escapes; keys of plain maps are sorted.

    Raises:
        NotJson: NaN, functions, complex numbers, maps with other keys.
    """
    value = without_interface(value)
    kind = value.kind
    if not value.valid or (value.data is None and kind is not Kind.FUNC):
        return "null"
    if kind is Kind.BOOL:
        return "true" if value.data else "false"
    if kind in INTS or kind in UINTS:
        return str(value.data)
    if kind in FLOATS:
        return _float(value.data, 32 if kind is Kind.FLOAT32 else 64)
    if kind is Kind.STRING:
        return string(value.data)
    if kind in LISTS:
        return _list(value)
    if kind is Kind.MAP:
        return _map(value)
    if kind is Kind.STRUCT:
        return _struct(value)
    if kind is Kind.POINTER:
        return to_json(value.data)
    raise NotJson(value.type.name)


def string(text: str) -> str:
    """A JSON string as Go writes it."""
    return f'"{_SPECIAL.sub(_escaped, text)}"'


def _escaped(match: re.Match[str]) -> str:
    char = match.group()
    if "\ud800" <= char <= "\udfff":
        return "\\ufffd"
    return _SHORT.get(char) or f"\\u{ord(char):04x}"


def _float(number: float, bits: int) -> str:
    if not math.isfinite(number):
        raise NotJson(str(number))
    size = abs(number)
    if size != 0 and (size < 1e-6 or size >= 1e21):
        text = format_float(number, "e", -1, bits)
        return text.replace("e-0", "e-") if "e-0" in text else text
    return format_float(number, "f", -1, bits)


def _list(value: Value) -> str:
    if value.type.of.kind is Kind.UINT8:
        return f'"{base64.b64encode(bytes(value.data)).decode()}"'
    if value.type.name == "api.PropertyType" and len(value.data) == 1:
        return to_json(element(value, 0))
    items = [to_json(element(value, index)) for index in range(length(value))]
    return f"[{','.join(items)}]"


def _map(value: Value) -> str:
    keys = sorted_keys(value)
    if value.type.name in _ORDERED:
        keys = [value_of(key) for key in value.data]
    members = {_key(key): typed(value.type.of, value.data[key.data]) for key in keys}
    if value.type.name not in _ORDERED:
        members = dict(sorted(members.items()))
    return _object({name: to_json(member) for name, member in members.items()})


def _key(key: Value) -> str:
    if key.kind is Kind.STRING:
        return str(key.data)
    if key.kind in INTS or key.kind in UINTS:
        return str(key.data)
    raise NotJson(key.type.name)


def _struct(value: Value) -> str:
    names = [name for name, _ in value.type.fields]
    tags = _TAGS.get(value.type.name) or tuple(names)
    members: dict[str, str] = {}
    for name, tag in zip(names, tags, strict=True):
        field = struct_field(value, name)
        if field is not None and name[:1].isupper() and not (tag.endswith("?") and _empty(field)):
            members[tag.removesuffix("?")] = to_json(field)
    for name, data in value.data.get(EXTRA, {}).items():
        members[name] = to_json(value_of(data))
    return _object(members)


def _empty(value: Value) -> bool:
    if value.kind in LISTS or value.kind in (Kind.MAP, Kind.STRING):
        return length(value) == 0
    return value.kind is not Kind.STRUCT and not value.data


def _object(members: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{string(name)}:{text}" for name, text in members.items()) + "}"
