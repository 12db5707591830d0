"""JSON as Go's ``encoding/json`` reads and writes it.

Reading takes the first value of a body only, turns invalid UTF-8 and lone
surrogates into U+FFFD, keeps what stands twice in an object, and words its
errors as Go does. Writing escapes what Go escapes so that the output can stand
in HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn, TypeAlias

import msgspec

from puna.api import gosyntax
from puna.errors import InvalidInput

_SPACE = b" \t\r\n"
_LONGEST_INTEGER = 4000
_ESCAPED_SURROGATE = re.compile(r"\\u[dD][89abAB]|\\u[dD][c-fC-F]")
_encoder = msgspec.json.Encoder()

Pair: TypeAlias = tuple[str, Any]


class Repeated(dict[str, Any]):
    """An object with a key that stands in it more than once; as a ``dict`` the last holds.

    Attributes:
        pairs: all that stands in it, in its order.
    """

    def __init__(self, pairs: Sequence[Pair]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


class Number(float):
    """A number that prints as it was written."""

    _text: str

    def __new__(cls, text: str) -> Number:
        """The number that ``text`` is."""
        found = super().__new__(cls, text)
        found._text = text
        return found

    def __repr__(self) -> str:
        return self._text


def pairs_of(value: dict[str, Any]) -> Iterable[Pair]:
    """All that stands in an object."""
    return value.pairs if isinstance(value, Repeated) else value.items()


def _object(pairs: list[Pair]) -> dict[str, Any]:
    found = dict(pairs)
    return found if len(found) == len(pairs) else Repeated(pairs)


def _integer(text: str) -> int | float:
    return int(text) if len(text) < _LONGEST_INTEGER else float(text)


def _exact_integer(text: str) -> int | float:
    return int(text) if len(text) < _LONGEST_INTEGER else Number(text)


def _constant(text: str) -> NoReturn:
    raise ValueError(text)


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_constant=_constant)
_exact_decoder = json.JSONDecoder(
    object_pairs_hook=_object,
    parse_float=Number,
    parse_int=_exact_integer,
    parse_constant=_constant,
)


def is_blank(body: bytes) -> bool:
    """No JSON value at all."""
    return not body.strip(_SPACE)


def loads(body: bytes, *, exact: bool = False) -> Any:
    """The first JSON value of ``body``; what follows it is ignored.

    With ``exact`` a :class:`Number` stands for each number that ``int`` may print
    otherwise; only what is to be told of needs that.

    Raises:
        InvalidInput: with Go's text.
    """
    text = body.decode("utf-8", "replace")
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        value, _ = (_exact_decoder if exact else _decoder).raw_decode(text, start)
    except ValueError:
        raise InvalidInput(gosyntax.explain(body)) from None
    except RecursionError:
        raise InvalidInput(gosyntax.explain(body) or gosyntax.TOO_DEEP) from None
    return _without_surrogates(value) if _ESCAPED_SURROGATE.search(text) else value


NOT_AN_OBJECT = "Value looks like object, but can't find closing '}' symbol"
"""What the reader that keeps the order of keys says of any other value."""


def object_of(text: str) -> dict[str, Any]:
    """The object that ``text`` is, and nothing else; ``null`` is an empty one.

    Raises:
        InvalidInput: with the text of Go's ``json.Unmarshal``.
    """
    body = text.encode("utf-8", "replace")
    try:
        value = json.loads(text, parse_int=_integer, parse_constant=_constant)
    except (ValueError, RecursionError):
        fault = gosyntax.explain(body, whole=True)
        raise InvalidInput(fault or gosyntax.TOO_DEEP) from None
    if not isinstance(value, dict | None):
        raise InvalidInput(NOT_AN_OBJECT)
    return value or {}


def _without_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        case list():
            return [_without_surrogates(item) for item in value]
        case dict():
            return _object(
                [(_without_surrogates(k), _without_surrogates(v)) for k, v in pairs_of(value)]
            )
        case _:
            return value


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
