"""Texts that are far too long, cut before the whole of them is tokenised.

Tokenising megabytes takes seconds that nobody can cut short, only to find that
they do not fit, or that no more than an end of them is used.
"""

from __future__ import annotations

from collections.abc import Callable

_PER_TOKEN = 16
"""Characters that hold a token, nearly always; about four do on average."""

_GROWTH = 4


def excerpt(text: str, most: int, count: Callable[[str], int]) -> str:
    """The text, or its start and its end alone where each has more than ``most`` tokens.

    So what comes back is longer than ``most`` tokens exactly when the text is,
    and has the same ones at both ends.

    Args:
        text: of any length.
        most: tokens of which one more is too many.
        count: tokens of a text.
    """
    size = max(most, 1) * _PER_TOKEN
    while len(text) > 2 * size:
        start, end = text[:size], text[-size:]
        if count(start) > most and count(end) > most:
            return start + end
        size *= _GROWTH
    return text
