"""How many prompt tokens to read in one step. Pure rules with measured constants."""

from __future__ import annotations

FAST_ROWS = 64
"""CPU flash attention has its fast path from this many rows per batch on, and works on as many
at once: of a started 64 all are paid for."""

_SLOW_ATTENTION = 3.75
"""How much longer attention takes below these rows. Measured: 3.7 to 3.8 on two CPUs."""

_USUAL_GROWTH = 0.0004
_MOST_GROWTH = 0.005
_LEARN_FROM_ROWS = 256
_LEARN_FROM_SPREAD = 256.0
_FORGETTING = 0.95

STREAM_BUDGET_S = 0.3
"""How long a running stream may be held up by one chunk of a prompt."""


def chunk_length(pending: int, room: int, *, fast_rows: int = FAST_ROWS) -> int:
    """Tokens of a prompt to read now.

    Args:
        pending: tokens of the prompt that are not in the cache yet.
        room: rows left in this step.
        fast_rows: rows below which a batch is slow, 0 = there is no such limit.

    Returns:
        At most ``room``. A last piece is never short: 552 tokens in steps of
        512 are read as 488 and 64.
    """
    if pending <= room:
        return pending
    rest = pending - room
    if rest < fast_rows <= room - fast_rows:
        return pending - fast_rows
    return room


def fill_start(start: int, rows: int, *, growth: float, fast_rows: int = FAST_ROWS) -> int:
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
    as_it_is = rows * (1 + _SLOW_ATTENTION * growth * start)
    filled = fast_rows * (1 + growth * start)
    return start - missing if filled < as_it_is else start


class DepthCost:
    """How the time per row of a prompt grows with the tokens before it.

    That differs between models: attention is most of the work of a small one and
    little of a large one. Learnt from the large chunks of long prompts.
    """

    def __init__(self) -> None:
        self._weight = self._depth = self._cost = 0.0
        self._depth_squared = self._depth_cost = 0.0

    def observe(self, rows: int, depth: int, seconds: float) -> None:
        """Learn from a chunk that was alone in its step."""
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
        weight = self._weight or 1.0
        mean, cost = self._depth / weight, self._cost / weight
        variance = self._depth_squared / weight - mean * mean
        if variance < _LEARN_FROM_SPREAD**2:
            return _USUAL_GROWTH
        slope = (self._depth_cost / weight - mean * cost) / variance
        first = cost - slope * mean
        if first <= 0:
            return _MOST_GROWTH
        return min(max(slope / first, 0.0), _MOST_GROWTH)


class PrefillRate:
    """Prompt tokens per second, following the best rate seen and forgetting slowly.

    Small chunks are slow; believing their rate would make the next one smaller
    still, and so on down.
    """

    def __init__(self) -> None:
        self._rate = 300.0

    def observe(self, tokens: int, seconds: float) -> None:
        """Learn from one step that read ``tokens`` of prompts."""
        if tokens < FAST_ROWS or seconds <= 0:
            return
        rate = tokens / seconds
        weight = 0.5 if rate > self._rate else 0.05 * min(1.0, tokens / 256)
        self._rate += weight * (rate - self._rate)

    def budget(self, beside: int, seconds: float = STREAM_BUDGET_S) -> int:
        """Rows of prompts to read in about ``seconds``.

        Args:
            beside: rows that streams have in the same step. With them the rows are
                a multiple of :data:`FAST_ROWS`.
            seconds: how long the step may take.
        """
        rows = round(self._rate * seconds / FAST_ROWS) * FAST_ROWS
        return max(FAST_ROWS, rows) - beside % FAST_ROWS
