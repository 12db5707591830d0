"""How many prompt tokens to read in one step. Pure rules with measured constants."""

from __future__ import annotations

import math

FAST_ROWS = 64
"""CPU flash attention has its fast path from this many rows per batch on, and works on as many
at once: of a started 64 all are paid for."""

_SLOW_ATTENTION = 3.75
"""How much longer attention takes below these rows. Measured: 3.7 to 3.8 on two CPUs."""

_WORTH_TRYING = 2.5
_DEEP = 512
_FEW = 16

_USUAL_GROWTH = 0.0004
_MOST_GROWTH = 0.005
_LEARN_FROM_ROWS = 192
_LEARN_FROM_SPREAD = 256.0
_FORGETTING = 0.95

STREAM_BUDGET_S = 0.28
"""How long a running stream may be held up by one chunk of a prompt."""

_LEAST_ROWS = 2 * FAST_ROWS
"""Fewer take little less time and read much less, so of these a stream waits twice as long."""


_BLOCK = 256
"""Attention works on whole blocks of so many cells. Source: llama.cpp, src/llama-kv-cache.cpp,
``get_n_kv``. In steps of 512 from 1 on, 2,048 tokens take 3 to 4 % longer than from 0 on."""


def chunk_length(pending: int, room: int, *, start: int = 0, fast_rows: int = FAST_ROWS) -> int:
    """Tokens of a prompt to read now.

    Args:
        pending: tokens of the prompt that are not in the cache yet.
        room: rows left in this step.
        start: tokens that are in the cache.
        fast_rows: rows below which a batch is slow, 0 = there is no such limit.

    Returns:
        At most ``room``. A last piece is never short: 552 tokens in steps of
        512 are read as 488 and 64. Where that takes no more steps, a large piece
        ends with a block of cells.
    """
    if pending <= room:
        return pending
    in_blocks = room - (start + room) % _BLOCK
    if room >= _BLOCK and _steps(pending - in_blocks, room) == _steps(pending - room, room):
        room = in_blocks
    rest = pending - room
    if rest < fast_rows <= room - fast_rows:
        return pending - fast_rows
    return room


def _steps(pending: int, room: int) -> int:
    return -(-pending // room)


class Filling:
    """Decides when a short last chunk is begun earlier, so that it has :data:`FAST_ROWS`.

    What attention gains by that differs between processors, so both ways are
    tried once where they should take about as long, and then compared by what
    they took.
    """

    def __init__(self) -> None:
        self._as_it_is = _Correction()
        self._filled = _Correction()

    def start(self, start: int, rows: int, *, growth: float, fast_rows: int = FAST_ROWS) -> int:
        """Where to begin a last chunk of ``rows`` tokens at ``start`` so that it takes least time.

        The result is ``start``, or an earlier cached position that is to be read
        again so that the chunk has ``fast_rows``.

        Args:
            start: tokens before the chunk.
            rows: of the chunk and of all that shares its step.
            growth: as :attr:`DepthCost.growth`.
            fast_rows: rows from which on attention is fast, 0 = there is no such step.
        """
        missing = fast_rows - rows
        if missing <= 0 or missing > start:
            return start
        as_it_is = self._as_it_is.factor * _slow_cost(rows, start, growth)
        filled = self._filled.factor * _fast_cost(fast_rows, start, growth)
        if max(filled, as_it_is) < _WORTH_TRYING * min(filled, as_it_is):
            if not self._filled.known:
                return start - missing
            if not self._as_it_is.known:
                return start
        return start - missing if filled < as_it_is else start

    def observe(self, rows: int, start: int, in_first: float, *, growth: float) -> None:
        """Learn from a last chunk that was alone in its step.

        Args:
            rows: of the chunk, at most :data:`FAST_ROWS`.
            start: tokens before it.
            in_first: what it took, in times of a row at the start of a prompt.
            growth: as :attr:`DepthCost.growth`.
        """
        if start < _DEEP or not _FEW < rows <= FAST_ROWS:
            return
        if rows == FAST_ROWS:
            self._filled.observe(in_first / _fast_cost(rows, start, growth))
        else:
            self._as_it_is.observe(in_first / _slow_cost(rows, start, growth))


class _Correction:
    """By how much a prediction is wrong."""

    def __init__(self) -> None:
        self.factor = 1.0
        self.known = False

    def observe(self, factor: float) -> None:
        self.factor += (factor - self.factor) * (0.3 if self.known else 1.0)
        self.known = True


def _slow_cost(rows: int, depth: int, growth: float) -> float:
    return rows * (1 + _SLOW_ATTENTION * growth * depth)


def _fast_cost(rows: int, depth: int, growth: float) -> float:
    return rows * (1 + growth * depth)


class DepthCost:
    """How the time per row of a prompt grows with the tokens before it.

    That differs between models: attention is most of the work of a small one and
    little of a large one. Learnt from the large chunks of long prompts.
    """

    def __init__(self) -> None:
        self._weight = self._depth = self._cost = 0.0
        self._depth_squared = self._depth_cost = 0.0

    def observe(self, rows: int, depth: int, seconds: float) -> None:
        """Learn from a step with one chunk; ``rows`` counts the few of streams beside it too."""
        if rows < _LEARN_FROM_ROWS or seconds <= 0:
            return
        cost = seconds / rows
        self._weight = self._weight * _FORGETTING + 1
        self._depth = self._depth * _FORGETTING + depth
        self._cost = self._cost * _FORGETTING + cost
        self._depth_squared = self._depth_squared * _FORGETTING + depth * depth
        self._depth_cost = self._depth_cost * _FORGETTING + depth * cost

    @property
    def growth(self) -> float:
        """Growth per token of depth, in parts of the time of a row without depth."""
        return self._line()[1]

    @property
    def first(self) -> float:
        """Seconds for a row without depth, 0 = nothing is known yet."""
        return self._line()[0]

    def _line(self) -> tuple[float, float]:
        weight = self._weight or 1.0
        mean, cost = self._depth / weight, self._cost / weight
        variance = self._depth_squared / weight - mean * mean
        if variance < _LEARN_FROM_SPREAD**2:
            return cost / (1 + _USUAL_GROWTH * mean), _USUAL_GROWTH
        slope = (self._depth_cost / weight - mean * cost) / variance
        first = cost - slope * mean
        if first <= 0:
            return cost / (1 + _MOST_GROWTH * mean), _MOST_GROWTH
        return first, min(max(slope / first, 0.0), _MOST_GROWTH)


class PrefillRate:
    """Prompt tokens per second at the start of a prompt, as the last steps say.

    Small chunks are slower, and believing their rate makes the next one smaller
    still: so they say less than large ones, and :data:`_LEAST_ROWS` is an end to it.
    """

    def __init__(self) -> None:
        self._rate = 300.0

    def observe(self, tokens: int, seconds: float, *, depth: int = 0, growth: float = 0.0) -> None:
        """Learn from one step that read ``tokens`` of prompts, at ``depth``."""
        if tokens < FAST_ROWS or seconds <= 0:
            return
        rate = tokens * (1 + growth * (depth + tokens / 2)) / seconds
        weight = 0.4 if rate > self._rate else 0.2 * min(1.0, tokens / 256)
        self._rate += weight * (rate - self._rate)

    def budget(
        self,
        beside: int,
        seconds: float = STREAM_BUDGET_S,
        *,
        depth: int = 0,
        growth: float = 0.0,
    ) -> int:
        """Rows of prompts to read in about ``seconds``.

        Args:
            beside: rows that streams have in the same step. With them the rows are
                a multiple of :data:`FAST_ROWS`.
            seconds: how long the step may take.
            depth: tokens before these.
            growth: as :attr:`DepthCost.growth`.
        """
        rows = self._rows(seconds, depth, growth)
        if rows < _LEAST_ROWS:
            rows = min(_LEAST_ROWS, self._rows(2 * seconds, depth, growth))
        return max(FAST_ROWS, rows) - beside % FAST_ROWS

    def _rows(self, seconds: float, depth: int, growth: float) -> int:
        """Whole tiles of rows that take about so long; each row is deeper than the one before."""
        first = self._rate * seconds
        at_depth = 1 + growth * depth
        rows = 2 * first / (at_depth + math.sqrt(at_depth**2 + 2 * growth * first))
        return round(rows / FAST_ROWS) * FAST_ROWS
