"""JSON as Go's ``encoding/json`` writes it, so that equal content gets equal digests.

Compact; ``<``, ``>``, ``&``, U+2028 and U+2029 escaped, other characters raw;
numbers in Go's form (``1`` for 1.0, ``1e+21``, ``1e-7``).

Source: Go 1.26, src/encoding/json/encode.go.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal

_ESCAPED = re.compile(r'[\x00-\x1f"\\<>&\u2028\u2029\ud800-\udfff]')
_SHORT = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}


def encode(value: object, *, sort_keys: bool = False) -> bytes:
    """Encode JSON-like data.

    Args:
        value: ``None``, booleans, numbers, strings, sequences and mappings.
        sort_keys: as Go does for maps; without it the order is kept (structs).

    Raises:
        ValueError: NaN, an infinity, or a value of another type.
    """
    return _text(value, sort_keys).encode("utf-8")


def _text(value: object, sort_keys: bool) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            return _quoted(value)
        case Mapping():
            keys = sorted(value) if sort_keys else list(value)
            pairs = (f"{_quoted(str(key))}:{_text(value[key], sort_keys)}" for key in keys)
            return "{" + ",".join(pairs) + "}"
        case Sequence():
            return "[" + ",".join(_text(item, sort_keys) for item in value) + "]"
        case _:
            raise ValueError(f"{type(value).__name__} has no JSON form")


def _quoted(text: str) -> str:
    return '"' + _ESCAPED.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    char = match[0]
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    return _SHORT.get(char) or f"\\u{ord(char):04x}"


def _number(value: float) -> str:
    """Shortest form; scientific below 1e-6 and from 1e21 on."""
    if not math.isfinite(value):
        raise ValueError(f"{value} has no JSON form")
    digits = Decimal(repr(value)).normalize()
    return f"{digits:e}" if digits and not 1e-6 <= abs(value) < 1e21 else f"{digits:f}"
