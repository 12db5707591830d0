"""JSON as Go's ``encoding/json`` reads and writes it.

Reading takes the first value of a body only, turns invalid UTF-8 and lone
surrogates into U+FFFD, and words its errors as Go does. Writing escapes what
Go escapes so that the output can stand in HTML.
"""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

import msgspec

from puna.errors import InvalidInput

_SPACE = b" \t\r\n"
_LONGEST_INTEGER = 4000
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)
_encoder = msgspec.json.Encoder()


def _integer(text: str) -> int | float:
    return int(text) if len(text) < _LONGEST_INTEGER else float(text)


def _constant(text: str) -> NoReturn:
    raise InvalidInput(f"invalid character '{text.lstrip('-')[0]}' looking for beginning of value")


_decoder = json.JSONDecoder(parse_int=_integer, parse_constant=_constant)


def is_blank(body: bytes) -> bool:
    """No JSON value at all."""
    return not body.strip(_SPACE)


def loads(body: bytes) -> Any:
    """The first JSON value of ``body``; what follows it is ignored.

    Raises:
        InvalidInput: with Go's text.
    """
    text = body.decode("utf-8", "replace")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        value, _ = _decoder.raw_decode(text, start)
    except json.JSONDecodeError:
        _explain(body)
    except RecursionError:
        raise InvalidInput("exceeded max depth") from None
    return _without_surrogates(value) if _ESCAPED_SURROGATE.search(text) else value


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case list():
            return [_without_surrogates(item) for item in value]
        case dict():
            return {_without_surrogates(k): _without_surrogates(v) for k, v in value.items()}
        case _:
            return value


def _explain(body: bytes) -> NoReturn:
    """Raise what Go says about a body that is not JSON.

    The text is read again as Latin-1: a position is then that of a byte, and
    Go names the byte at fault.
    """
    text = body.decode("latin-1")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        _decoder.raw_decode(text, start)
    except json.JSONDecodeError as error:
        raise InvalidInput(_go_text(text, error)) from None
    raise InvalidInput("unexpected EOF")


def _go_text(text: str, error: json.JSONDecodeError) -> str:
    position = error.pos
    reason = error.msg
    if reason.startswith("Unterminated string"):
        return "unexpected EOF"
    if reason.startswith("Invalid \\uXXXX"):
        position += 1
        digits = text[position : position + 4]
        position += next((i for i, c in enumerate(digits) if c not in _HEX), len(digits))
        where = "in \\u hexadecimal character escape"
    elif reason.startswith("Invalid \\escape"):
        position += 1
        where = "in string escape code"
    elif reason.startswith("Invalid control character"):
        where = "in string literal"
    else:
        position += _blank(text, position)
        where = _place(text, position, reason)
    if position >= len(text):
        return "unexpected EOF"
    return f"invalid character {_quoted(text[position])} {where}"


_HEX = frozenset("0123456789abcdefABCDEF")


def _blank(text: str, position: int) -> int:
    rest = text[position : position + 4096]
    return len(rest) - len(rest.lstrip(" \t\r\n"))


def _place(text: str, position: int, reason: str) -> str:
    if reason.startswith("Expecting ':'"):
        return "after object key"
    if reason.startswith("Expecting ','"):
        return (
            "after object key:value pair" if _in_object(text, position) else "after array element"
        )
    if reason.startswith(
        ("Expecting property name", "Illegal trailing comma before end of object")
    ):
        return "looking for beginning of object key string"
    return "looking for beginning of value"


def _in_object(text: str, position: int) -> bool:
    open_brackets: list[str] = []
    for token in _TOKEN.finditer(text, 0, position):
        bracket = token.group()
        if bracket in ("{", "["):
            open_brackets.append(bracket)
        elif bracket in ("}", "]") and open_brackets:
            open_brackets.pop()
    return bool(open_brackets) and open_brackets[-1] == "{"


def _quoted(character: str) -> str:
    special = {
        "'": "'\\''",
        '"': "'\"'",
        "\n": "'\\n'",
        "\r": "'\\r'",
        "\t": "'\\t'",
        "\\": "'\\\\'",
    }
    if character in special:
        return special[character]
    return f"'{character}'" if character.isprintable() else f"'\\x{ord(character):02x}'"


def dumps(value: Any) -> bytes:
    """Compact JSON with ``< > &`` and the line separators escaped."""
    text = _encoder.encode(value)
    for character, escape in _HTML:
        if character in text:
            text = text.replace(character, escape)
    return text


_HTML = (
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"&", b"\\u0026"),
    ("\u2028".encode(), b"\\u2028"),
    ("\u2029".encode(), b"\\u2029"),
)


def quote(text: str) -> str:
    """``text`` as Go's ``%q`` prints it, for the usual characters."""
    return json.dumps(text, ensure_ascii=False)
