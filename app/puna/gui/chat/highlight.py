"""Which parts of a piece of code get which colour."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Name, Number, String, _TokenType
from pygments.util import ClassNotFound

_KINDS: tuple[tuple[_TokenType, str], ...] = (
    (Comment, "comment"),
    (Keyword, "keyword"),
    (String, "string"),
    (Number, "number"),
    (Name.Function, "function"),
    (Name.Class, "function"),
    (Name.Tag, "keyword"),
    (Name.Attribute, "function"),
    (Name.Builtin, "function"),
    (Name.Decorator, "number"),
)
_LONGEST = 200_000
"""Longer code (characters) is shown without colours; reading it would stall the window."""


@dataclass(frozen=True, slots=True)
class Span:
    """A coloured part; positions in UTF-16 units, as Qt counts.

    ``kind`` is a field of :class:`puna.gui.theme.Tokens`.
    """

    start: int
    length: int
    kind: str


def spans(code: str, language: str) -> Iterator[Span]:
    """The coloured parts of ``code``; none for a language nobody knows."""
    if not language or len(code) > _LONGEST:
        return
    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return
    position = 0
    for token, text in lexer.get_tokens(code):
        length = len(text.encode("utf-16-le")) // 2
        kind = _kind(token)
        if kind:
            yield Span(position, length, kind)
        position += length


def _kind(token: _TokenType) -> str:
    return next((kind for group, kind in _KINDS if _is_in(token, group)), "")


def _is_in(token: _TokenType, group: _TokenType) -> bool:
    return token[: len(group)] == group
