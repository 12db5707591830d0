"""Go's view of text: UTF-8 bytes, quoting, printable characters.

A Go string is any bytes. Here it is a ``str`` in which bytes that are not
UTF-8 stand as lone surrogates (Python's ``surrogateescape``).
"""

from __future__ import annotations

import unicodedata

REPLACEMENT = "\ufffd"
_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
}
_UNESCAPES = {text[1]: char for char, text in _ESCAPES.items()}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


def encode(text: str) -> bytes:
    """The bytes of a Go string."""
    return text.encode("utf-8", "surrogateescape")


def decode(data: bytes) -> str:
    """A Go string from any bytes."""
    return data.decode("utf-8", "surrogateescape")


def is_stray_byte(char: str) -> bool:
    """Whether ``char`` stands for a byte that is not part of UTF-8 text."""
    return "\udc80" <= char <= "\udcff"


def printable(char: str) -> bool:
    """Go's ``unicode.IsPrint``: letters, marks, numbers, punctuation, symbols, space."""
    return char == " " or unicodedata.category(char) not in _INVISIBLE


def quote(text: str, *, mark: str = '"', ascii_only: bool = False) -> str:
    """A Go string literal (``strconv.Quote``), or with ``mark="'"`` a character literal."""
    normal = decode(encode(text))
    return mark + "".join(_quoted(char, mark, ascii_only) for char in normal) + mark


def quote_bytes(text: str) -> str:
    """Quoted as Go's ``time`` does: byte by byte what is not plain ASCII."""
    shown = "".join(
        "".join(f"\\x{byte:02x}" for byte in encode(char)) if char < " " or char > "\x7f" else char
        for char in text.replace("\\", r"\\").replace('"', r"\"")
    )
    return f'"{shown}"'


def unquote(literal: str) -> str:
    """The text of a Go string literal (``strconv.Unquote``).

    Raises:
        ValueError: ``invalid syntax``.
    """
    if literal.startswith("`"):
        return literal[1:-1].replace("\r", "")
    parts: list[str] = []
    rest = literal[1:-1]
    while rest:
        char, rest = unquote_char(rest, literal[0])
        parts.append(char)
    return decode(encode("".join(parts)))


def unquote_char(text: str, mark: str) -> tuple[str, str]:
    """First character of a literal's inside and what follows it.

    Raises:
        ValueError: ``invalid syntax``.
    """
    first = text[:1]
    if not first or first == mark or first == "\n":
        raise ValueError("invalid syntax")
    if first != "\\":
        return REPLACEMENT if is_stray_byte(first) else first, text[1:]
    code = text[1:2]
    if code in _HEX_DIGITS:
        return _numeric_escape(text[2 : 2 + _HEX_DIGITS[code]], code), text[2 + _HEX_DIGITS[code] :]
    if code and code in "01234567":
        return _octal_escape(text[1:4]), text[4:]
    if code == mark and code in "'\"":
        return code, text[2:]
    if code in _UNESCAPES:
        return _UNESCAPES[code], text[2:]
    raise ValueError("invalid syntax")


def can_backquote(text: str) -> bool:
    """Whether ``text`` can stand between backquotes unchanged."""
    return not any(
        is_stray_byte(char) or char in "`\x7f\ufeff" or (char < " " and char != "\t")
        for char in text
    )


def character(code: int) -> str:
    """The character with this code point; U+FFFD for what is none."""
    if 0 <= code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF:
        return chr(code)
    return REPLACEMENT


def code_and_glyph(char: str) -> str:
    """``U+0041 'A'`` as in Go's ``%#U``; the glyph only when it can be seen."""
    shown = REPLACEMENT if is_stray_byte(char) else char
    glyph = f" '{shown}'" if printable(shown) else ""
    return f"U+{ord(shown):04X}{glyph}"


def _quoted(char: str, mark: str, ascii_only: bool) -> str:
    if char == mark:
        return "\\" + char
    if char in _ESCAPES:
        return _ESCAPES[char]
    if is_stray_byte(char):
        return REPLACEMENT if mark == "'" else f"\\x{ord(char) - 0xDC00:02x}"
    code = ord(char)
    if (code < 0x7F or not ascii_only) and printable(char):
        return char
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _numeric_escape(digits: str, code: str) -> str:
    if len(digits) != _HEX_DIGITS[code] or any(d not in "0123456789abcdefABCDEF" for d in digits):
        raise ValueError("invalid syntax")
    value = int(digits, 16)
    if code == "x":
        return decode(bytes([value]))
    if value > 0x10FFFF or 0xD800 <= value <= 0xDFFF:
        raise ValueError("invalid syntax")
    return chr(value)


def _octal_escape(digits: str) -> str:
    if len(digits) != 3 or any(d not in "01234567" for d in digits) or int(digits, 8) > 0xFF:
        raise ValueError("invalid syntax")
    return decode(bytes([int(digits, 8)]))
