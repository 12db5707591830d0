"""Blocking work in a thread that never outlives its caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import ParamSpec, TypeVar

_P = ParamSpec("_P")
_T = TypeVar("_T")

_PIECE = 1 << 20
"""Bytes that are worth a thread of their own."""

_WRITE_S = 0.05
"""Seconds after which fewer bytes are, so that a slow download shows its progress."""


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
    """Collects small pieces, and writes large ones in a thread while others come in.

    At most one write runs at a time, in the order of the pieces.
    """

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._collected: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None
        self._began = 0.0

    async def add(self, data: bytes) -> None:
        """Take ``data``; waits only when writing is slower than what comes in.

        Raises what an earlier write has raised.
        """
        self._collected.append(data)
        self._size += len(data)
        now = asyncio.get_running_loop().time()
        if self._size >= _PIECE or now - self._began > _WRITE_S:
            await self._settle()
            self._began = now
            self._begin()

    async def flush(self) -> None:
        """Write everything, also when the caller is being cancelled.

        Raises what the writing raises.
        """
        await self._settle()
        self._begin()
        await self._settle()

    def _begin(self) -> None:
        data = b"".join(self._collected)  # of one piece, the piece itself
        self._collected, self._size = [], 0
        self._writing = asyncio.create_task(settled(self._write, data))

    async def _settle(self) -> None:
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise
