"""Texts of the environment and the command line as values, by Go's rules.

Source: Go 1.26 ``time.ParseDuration`` and ``strconv.ParseBool``; contract
``ollama-http-api`` 4.1 and 11.
"""

from __future__ import annotations

import math
import re

from puna.errors import InvalidInput
from puna.gotext import quote_bytes

_UNITS = {
    "ns": 1e-9,
    "us": 1e-6,
    "\u00b5s": 1e-6,
    "\u03bcs": 1e-6,
    "ms": 1e-3,
    "s": 1.0,
    "m": 60.0,
    "h": 3600.0,
}
_PIECE = re.compile(r"(\d+\.?\d*|\.\d+)([^\d.]*)", re.ASCII)
_LONGEST = (2**63 - 1) / 1e9
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})


def strip(text: str) -> str:
    """``text`` without the spaces and quotes around it."""
    return text.strip(" \t\r\n\"'")


def parse_bool(text: str) -> bool | None:
    """A Go boolean, or ``None`` when ``text`` is not one."""
    if text in _TRUE:
        return True
    return False if text in _FALSE else None


def parse_duration(text: str) -> float:
    """Seconds of a Go duration such as ``1h30m``, ``-1m`` or ``300ms``.

    Raises:
        InvalidInput: with Go's text.
    """
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0.0
    if not rest:
        raise InvalidInput(f"time: invalid duration {quote_bytes(text)}")
    total = 0.0
    position = 0
    while position < len(rest):
        piece = _PIECE.match(rest, position)
        if piece is None:
            raise InvalidInput(f"time: invalid duration {quote_bytes(text)}")
        number, unit = piece.groups()
        if not unit:
            raise InvalidInput(f"time: missing unit in duration {quote_bytes(text)}")
        if unit not in _UNITS:
            raise InvalidInput(
                f"time: unknown unit {quote_bytes(unit)} in duration {quote_bytes(text)}"
            )
        total += float(number) * _UNITS[unit]
        position = piece.end()
    if total > _LONGEST:
        raise InvalidInput(f"time: invalid duration {quote_bytes(text)}")
    return -total if text[0] == "-" else total


def parse_keep_alive(text: str) -> float:
    """Seconds of a keep-alive: a Go duration or a bare number; negative = forever (``inf``).

    Raises:
        InvalidInput: neither of both.
    """
    try:
        seconds = float(text)
    except ValueError:
        seconds = parse_duration(text)
    if math.isnan(seconds):
        raise InvalidInput(f"time: invalid duration {quote_bytes(text)}")
    return math.inf if seconds < 0 else seconds
