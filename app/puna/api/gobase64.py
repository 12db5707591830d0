"""Base64 as Go reads it, with its words for what is wrong."""

from __future__ import annotations

import base64
import binascii
import re

from puna.errors import InvalidInput

_DIGITS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_DATA_URI = re.compile(r"data:[^,]*;base64,")


def decode_base64(text: str) -> bytes:
    """Bytes of standard base64, with or without a ``data:`` prefix.

    Raises:
        InvalidInput: with Go's text.
    """
    start = prefix.end() if (prefix := _DATA_URI.match(text)) else 0
    data = text[start:].encode("utf-8", "replace")
    try:
        return base64.b64decode(data.replace(b"\r", b"").replace(b"\n", b""), validate=True)
    except binascii.Error:
        at = _fault(data)
        raise InvalidInput(f"illegal base64 data at input byte {at}") from None


def _fault(data: bytes) -> int:
    """Where Go's decoder finds fault with data that are not base64."""
    digits = 0
    for at, byte in enumerate(data):
        if byte in b"\r\n":
            continue
        if byte not in _DIGITS:
            return at if byte != ord("=") or digits % 4 < 2 else _fault_in_padding(data, at, digits)
        digits += 1
    return len(data) - digits % 4


def _fault_in_padding(data: bytes, at: int, digits: int) -> int:
    rest = [place for place in range(at + 1, len(data)) if data[place] not in b"\r\n"]
    if digits % 4 == 2:
        if not rest:
            return len(data)
        if data[rest[0]] != ord("="):
            return rest[0] - 1
        del rest[0]
    return rest[0] if rest else at
