"""What batches took, and what follows from it for the next one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from puna.runner.chunks import DepthCost, Filling, PrefillRate
from puna.runner.padding import Padding


class Piece(NamedTuple):
    """Tokens of one sequence in a batch.

    Attributes:
        start: tokens before them.
        is_last: the prompt ends with them, or they are the newest token of an answer.
    """

    start: int
    length: int
    is_last: bool


class Experience:
    """Learns from the batches of one model."""

    def __init__(self) -> None:
        self._rate = PrefillRate()
        self._depth_cost = DepthCost()
        self._filling = Filling()
        self._padding = Padding()

    def room(self, beside: int, depth: int) -> int:
        """Rows of prompts, at ``depth``, for a step with so many rows of streams."""
        return self._rate.budget(beside, depth=depth, growth=self._depth_cost.growth)

    def fill_start(self, start: int, rows: int, *, fast_rows: int) -> int:
        """Where to begin a last chunk, as :meth:`Filling.start`."""
        growth = self._depth_cost.growth
        return self._filling.start(start, rows, growth=growth, fast_rows=fast_rows)

    def padding(self, streams: int) -> int:
        """Rows to add to a step of so many streams, as :meth:`Padding.rows`."""
        return self._padding.rows(streams)

    def observe(self, pieces: Sequence[Piece], added: int, seconds: float) -> None:
        """Learn from a batch of at least one piece; ``added`` rows belonged to none."""
        cost = self._depth_cost
        prompts = [piece for piece in pieces if piece.length > 1]
        if not prompts:
            self._padding.observe(len(pieces), added, seconds)
            return
        depth = min(piece.start for piece in prompts)
        rows = sum(piece.length for piece in prompts)
        self._rate.observe(rows, seconds, depth=depth, growth=cost.growth)
        if len(prompts) > 1:
            return
        (chunk,) = prompts
        if len(pieces) == 1 and chunk.is_last and cost.first:
            in_first = seconds / cost.first
            self._filling.observe(chunk.length, chunk.start, in_first, growth=cost.growth)
        cost.observe(chunk.length + len(pieces) - 1, chunk.start, seconds)
