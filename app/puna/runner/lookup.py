"""Guesses that come from what was said before (prompt lookup).

Answers that quote, correct or list what the prompt says repeat long pieces of it.
"""

from __future__ import annotations

from collections.abc import Sequence

_GRAM = 3
"""Tokens that must have occurred before, in this order."""


class Lookup:
    """Where each run of three tokens was last followed by something, for one answer."""

    sizes: Sequence[int] = (3, 7)
    seconds = 0.0

    def __init__(self) -> None:
        self._next: dict[tuple[int, ...], int] = {}
        self._read = 0

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        """Up to ``most`` tokens that may follow ``tokens``.

        Args:
            tokens: the same list as before, longer; media in it are negative.
            most: at least 1.
        """
        self._learn(tokens)
        start = self._next.get(tuple(tokens[-_GRAM:]))
        if start is None:
            return []
        found = list(tokens[start : start + most])
        media = next((i for i, token in enumerate(found) if token < 0), len(found))
        return found[:media]

    def _learn(self, tokens: Sequence[int]) -> None:
        """Note every run that has something behind it."""
        if self._read > len(tokens):
            # The window has slid: positions have moved.
            self._next.clear()
            self._read = 0
        for end in range(max(self._read, _GRAM), len(tokens)):
            self._next[tuple(tokens[end - _GRAM : end])] = end
        self._read = max(self._read, len(tokens))
