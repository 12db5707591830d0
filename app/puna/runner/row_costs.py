"""Measures what a batch of a few rows costs against one row, in idle time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from puna.runner.llama import NativeError
from puna.runner.loading import OpenModel

_DEPTH = 16
_REPEATS = 3
_LEARNING = 0.1


class RowCosts:
    """The cost of batches with guesses; empty until they were measured.

    Belongs to the main thread; uses the spare sequence while nothing else runs.

    Args:
        opened: the model.
        sizes: numbers of guesses; one more row is in the batch.
    """

    def __init__(self, opened: OpenModel, sizes: Sequence[int]) -> None:
        can_cut = not opened.model.keeps_state
        self._opened = opened
        self._rows = (1, *(size + 1 for size in sizes))
        self._open = bool(sizes) and can_cut and not opened.options.embedding
        self._seconds: dict[int, float] = {}

    @property
    def relative(self) -> Mapping[int, float]:
        """Time of a batch by its rows, relative to one row."""
        one = self._seconds.get(1, 0.0)
        return {rows: took / one for rows, took in self._seconds.items()} if one else {}

    def in_steps(self, seconds: float) -> float:
        """A time relative to that of one row."""
        return seconds / self._seconds[1] if self._seconds else 0.0

    def observe(self, rows: int, seconds: float) -> None:
        """A stream that was alone had a batch of so many rows; longer texts cost more."""
        known = self._seconds.get(rows)
        if known is not None:
            self._seconds[rows] = known + _LEARNING * (seconds - known)

    def forget(self) -> None:
        """Guess no more: there is no room for it."""
        self._seconds = {}

    def measure(self) -> bool:
        """Measure once; whether that was done now."""
        if not self._open:
            return False
        try:
            self._seconds = {rows: self._fastest(rows) for rows in self._rows}
            self._open = False
        except NativeError:
            # A request interrupted it, or the cache is full: it is tried at the next rest.
            self._seconds = {}
        finally:
            self._opened.context.drop(self._opened.spare)
        return not self._open

    def _fastest(self, rows: int) -> float:
        """Seconds of one batch of ``rows`` at a small depth."""
        self._opened.context.drop(self._opened.spare)
        self._decode(_DEPTH, 0)
        return min(self._timed(rows) for _ in range(_REPEATS))

    def _timed(self, rows: int) -> float:
        context, spare = self._opened.context, self._opened.spare
        started = time.perf_counter()
        self._decode(rows, _DEPTH)
        took = time.perf_counter() - started
        context.cut(spare, _DEPTH)
        return took

    def _decode(self, rows: int, position: int) -> None:
        batch, context = self._opened.batch, self._opened.context
        token = max(0, self._opened.model.vocabulary.bos)
        batch.clear()
        batch.add_chunk(
            self._opened.spare, [token] * rows, position, last_output=True, all_outputs=True
        )
        if context.decode(batch.native) != 0:
            raise NativeError("the rows cannot be measured now")
        context.synchronize()
