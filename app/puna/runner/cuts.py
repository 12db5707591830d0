"""Where a text may be cut so that its pieces have the tokens of the whole.

llama.cpp's SentencePiece tokeniser takes time by the square of the characters
that are no token themselves (it grows its answer by single bytes); short pieces
take none. Its tokens arise by joining neighbours, so nothing is joined across a
place whose two characters are neighbours in no token.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator

SPACE = "\u2581"
"""How tokens write a space."""

_PIECE = 4096
"""Characters of a piece, if it can be cut there; else up to the next place."""


def pairs(tokens: Iterable[str]) -> frozenset[str]:
    """All neighbours in these tokens, as texts of two characters."""
    found: set[str] = set()
    for token in tokens:
        found.update(map("".join, itertools.pairwise(token)))
    return frozenset(found)


def pieces(text: str, joined: frozenset[str], *, prefixed: bool) -> Iterator[tuple[str, bool]]:
    """The text in pieces that can be tokenised one by one.

    Args:
        text: with ordinary spaces.
        joined: see :func:`pairs`.
        prefixed: the tokeniser puts a space before what it is given.

    Yields:
        A piece, and whether the space that is put before it is one too many. Where
        the text is cut at a space, the piece has it no more, and is given it back.
    """
    start, place, added = 0, _PIECE, False
    while place < len(text):
        after = text[place]
        dropped = prefixed and after == " "
        alone = not prefixed or SPACE + after not in joined
        if not (dropped or alone) or not _may_cut(text[place - 1], after, joined):
            place += 1
            continue
        yield text[start:place], added
        start, added = place + dropped, prefixed and not dropped
        place = start + _PIECE
    yield text[start:], added


def _may_cut(before: str, after: str, joined: frozenset[str]) -> bool:
    """Also not behind ASCII punctuation: control tokens end so, and may take spaces along."""
    if before == " " or not (before.isalnum() or ord(before) > 127):
        return False
    return before + (SPACE if after == " " else after) not in joined
