"""Blocking work in a thread that never outlives its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_WORTH = 1 << 20
"""Bytes that are worth the way to a thread."""

_WRITE_S = 0.05
"""Seconds after which fewer bytes are, so that a slow download shows its progress."""

_HELD = 4 << 20
"""Bytes that may wait while others are being written."""


async def settled(function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """Run ``function`` in a thread; when cancelled, leave only after it has returned.

    A thread cannot be stopped. One that goes on writing after its file was
    closed could write into the next file that got the same number.
    """
    work = asyncio.ensure_future(asyncio.to_thread(function, *args, **kwargs))
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait({work})
        if not work.cancelled():
            work.exception()  # seen here, or asyncio would report it as forgotten
        raise


class WriteBehind:
    """Writes pieces in a thread, in their order, while others come in, or none do.

    One task writes at any time: ``_begin`` alone makes it, and only when there is none.
    After a failure it stays, so that nothing is written behind a gap.

    Args:
        write: writes one piece.
        on_written: called when pieces have been written.
    """

    def __init__(
        self, write: Callable[[bytes], None], on_written: Callable[[], None] = lambda: None
    ) -> None:
        self._write = write
        self._on_written = on_written
        self._waiting: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    async def add(self, piece: bytes) -> None:
        """Take a piece; waits only when writing is slower than what comes in.

        Raises what the writing of an earlier piece has raised.
        """
        self._waiting.append(piece)
        self._size += len(piece)
        if self._size >= _WORTH:
            self._begin()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_WRITE_S, self._begin)
        if self._size >= _HELD or (self._writing is not None and self._writing.done()):
            await self._written()

    async def flush(self) -> None:
        """Write everything, also when the caller is being cancelled.

        Raises what the writing raises.
        """
        await self._written()
        self._begin()
        await self._written()

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting and self._writing is None:
            self._writing = asyncio.create_task(self._write_waiting())

    async def _write_waiting(self) -> None:
        is_due = True
        while is_due:
            pieces, self._waiting, self._size = self._waiting, [], 0
            await settled(self._write_all, pieces)
            self._on_written()
            is_due = bool(self._waiting) and self._timer is None  # else the timer begins again
        self._writing = None

    def _write_all(self, pieces: list[bytes]) -> None:
        for piece in pieces:
            self._write(piece)

    async def _written(self) -> None:
        """Wait for what is being written."""
        if self._writing is None:
            return
        try:
            await asyncio.shield(self._writing)
        except asyncio.CancelledError:
            await asyncio.wait({self._writing})
            raise
