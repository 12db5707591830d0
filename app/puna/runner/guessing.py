"""Guesses the next tokens of an answer, and decides how many are worth checking.

A guess costs rows in the next batch and is checked exactly: the sampler chooses
each token as it would without guesses, and a guess is only kept when it is the
same token. Whether that pays depends on the model, the machine and the text, so
the costs are measured in idle time and the success is watched.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from puna.runner.loading import OpenModel
from puna.runner.lookup import Lookup
from puna.runner.row_costs import RowCosts

logger = logging.getLogger(__name__)

_WORTH = 1.1
"""Speed-up that must be expected before it is tried."""

_FIRST_TRUST = 0.7
_LEARNING = 0.15
_PROBE_EVERY = 64
"""Steps without guesses after which one is made to see whether they are right again."""


class Source(Protocol):
    """Where guesses come from.

    Attributes:
        sizes: tokens that may be guessed at once, fewest first.
        seconds: what one guessed token takes to make.
    """

    sizes: Sequence[int]
    seconds: float

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        """Up to ``most`` tokens that may follow ``tokens``.

        Args:
            tokens: prompt and answer of one request, longer each time; media in
                them are negative.
            most: at least 1.
        """


class Guesser:
    """Decides for one answer how many tokens to ask a source for."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self._trust = _FIRST_TRUST
        self._since = 0

    def guess(self, tokens: Sequence[int], room: int, costs: Mapping[int, float]) -> list[int]:
        """Tokens to check in the next batch; often none.

        Args:
            tokens: of prompt and answer.
            room: rows that may be added.
            costs: time of a step with so many guesses, relative to one without;
                sizes that are missing are never used.
        """
        size = _best_size(self._trust, costs)
        if size == 0 and self._since >= _PROBE_EVERY:
            size = _cheapest_probe(costs)
        if size == 0 or room <= 0:
            self._since += 1
            return []
        return self.source.guess(tokens, min(size, room))

    def learn(self, guessed: int, right: int) -> None:
        """``right`` of ``guessed`` tokens were what the model chose."""
        self._since = 0
        share = right / guessed
        self._trust += _LEARNING * (share - self._trust)


@dataclass(frozen=True, slots=True)
class Guess:
    """Tokens that may come next, and whose idea that was."""

    tokens: Sequence[int] = ()
    by: Guesser | None = None

    def judge(self, right: int) -> None:
        """The first ``right`` of them were what the model chose."""
        if self.by is not None:
            self.by.learn(len(self.tokens), right)


NO_GUESS = Guess()


class Guessing:
    """The sources of guesses for one model, and what it costs to use them.

    Belongs to the main thread.
    """

    def __init__(self, opened: OpenModel) -> None:
        self._draft = opened.draft
        self._looks_up = opened.options.prompt_lookup
        every = {size for source in self._sources() for size in source.sizes}
        self.rows = RowCosts(opened, [size for size in sorted(every) if size < opened.ubatch])

    def guessers(self) -> tuple[Guesser, ...]:
        """For one answer, the cheapest first."""
        return tuple(map(Guesser, self._sources()))

    def guess(self, guessers: Sequence[Guesser], tokens: Sequence[int], room: int) -> Guess:
        """The first guess that one of them has."""
        for guesser in guessers:
            found = guesser.guess(tokens, room, self._costs(guesser.source))
            if found:
                return Guess(found, guesser)
        return NO_GUESS

    @property
    def ready(self) -> bool:
        """Whether the costs are known."""
        return bool(self.rows.relative)

    def measure(self) -> bool:
        """Measure once, in idle time; false: there is nothing more to do now."""
        if self.rows.measure() and self._draft is not None:
            self._draft.measure()
            costs = {size: round(cost, 2) for size, cost in self._costs(self._draft).items()}
            logger.info("draft model: steps with so many guesses cost so many steps: %s", costs)
        return False

    def _sources(self) -> list[Source]:
        sources: list[Source] = [Lookup()] if self._looks_up else []
        return sources if self._draft is None else [*sources, self._draft]

    def _costs(self, source: Source) -> dict[int, float]:
        rows = self.rows.relative
        making = self.rows.in_steps(source.seconds)
        return {size: rows[size + 1] + size * making for size in source.sizes if size + 1 in rows}


def _best_size(trust: float, costs: Mapping[int, float]) -> int:
    """How many tokens to guess when each is right with a chance of ``trust``; 0 = none."""
    best, size = _WORTH, 0
    for candidate, cost in costs.items():
        gain = sum(trust**place for place in range(candidate + 1)) / cost
        if gain > best:
            best, size = gain, candidate
    return size


def _cheapest_probe(costs: Mapping[int, float]) -> int:
    """The smallest size that would pay if all its guesses were right; 0 = none."""
    return next((size for size, cost in costs.items() if size + 1 > _WORTH * cost), 0)
