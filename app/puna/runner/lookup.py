"""Guesses the next tokens of an answer from what was said before (prompt lookup).

Answers that quote, correct or list what the prompt says repeat long pieces of
it. A guess costs rows in the next batch and is checked exactly: the sampler
chooses each token as it would without guesses, and a guess is only kept when it
is the same token. Whether that pays depends on the model and the machine, so
the costs are measured and the success is watched; see :class:`Guesser`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

SIZES = (3, 7)
"""Tokens that may be guessed at once; one more row is in the batch."""

_GRAM = 3
"""Tokens that must have occurred before, in this order."""

_WORTH = 1.1
"""Speed-up that must be expected before it is tried."""

_FIRST_TRUST = 0.7
_LEARNING = 0.15
_PROBE_EVERY = 64
"""Steps without guesses after which one is made to see whether they are right again."""


class Seen:
    """Where each run of three tokens was last followed by something."""

    def __init__(self) -> None:
        self._next: dict[tuple[int, ...], int] = {}
        self._read = 0

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        """Up to ``most`` tokens that may follow ``tokens``.

        Args:
            tokens: the same list as before, longer; media in it are negative.
            most: at least 0.
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


class Guesser:
    """Decides for one answer how many tokens to guess."""

    def __init__(self) -> None:
        self._trust = _FIRST_TRUST
        self._since = 0
        self._seen = Seen()

    def guess(self, tokens: Sequence[int], room: int, costs: Mapping[int, float]) -> list[int]:
        """Tokens to check in the next batch; often none.

        Args:
            tokens: of prompt and answer.
            room: rows that may be added.
            costs: time of a batch of so many rows, relative to one row; sizes
                that are missing are never used.
        """
        size = _best_size(self._trust, costs)
        if size == 0 and self._since >= _PROBE_EVERY and _could_pay(SIZES[0], costs):
            size = SIZES[0]
        if size == 0 or room <= 0:
            self._since += 1
            return []
        return self._seen.guess(tokens, min(size, room))

    def learn(self, guessed: int, right: int) -> None:
        """``right`` of ``guessed`` tokens were what the model chose."""
        self._since = 0
        share = right / guessed
        self._trust += _LEARNING * (share - self._trust)


def _best_size(trust: float, costs: Mapping[int, float]) -> int:
    """How many tokens to guess when each is right with a chance of ``trust``; 0 = none."""
    best, size = _WORTH, 0
    for candidate in SIZES:
        expected = sum(trust**place for place in range(candidate + 1))
        gain = expected / costs.get(candidate + 1, math.inf)
        if gain > best:
            best, size = gain, candidate
    return size


def _could_pay(size: int, costs: Mapping[int, float]) -> bool:
    """Whether guesses that are all right would be worth their cost."""
    return size + 1 > _WORTH * costs.get(size + 1, math.inf)
