"""How many prompt tokens to read in one step. Pure rules with measured constants."""

from __future__ import annotations

FAST_ROWS = 64
"""CPU flash attention has its fast path from this many rows per batch on."""

FILL_FROM_ROWS = 40
FILL_FROM_DEPTH = 768
"""From here on reading cached tokens again up to 64 rows is faster than fewer rows."""

STREAM_BUDGET_S = 0.3
"""How long a running stream may be held up by one chunk of a prompt."""

_STEP = 32


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


def fill_start(start: int, rows: int, *, fast_rows: int = FAST_ROWS) -> int:
    """Where to begin a last chunk of ``rows`` tokens at ``start`` so that it is fast.

    The result is ``start``, or an earlier cached position that is to be read again.
    """
    if not FILL_FROM_ROWS <= rows < fast_rows or start < FILL_FROM_DEPTH:
        return start
    return start - (fast_rows - rows)


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

    def budget(self, seconds: float = STREAM_BUDGET_S) -> int:
        """Rows that fit into ``seconds``, a multiple of 32 and at least 64."""
        rows = int(self._rate * seconds)
        return max(FAST_ROWS, rows - rows % _STEP)
