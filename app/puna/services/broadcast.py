"""The state of one transfer for any number of watchers.

A watcher that is slow, or comes late, misses intermediate counts but never a
kind of state and never the last count of one.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass

from puna.errors import PunaError

TICK_S = 0.06
"""Seconds between two lines of one blob. Source: ``ollama-http-api`` contract, 5.12."""


@dataclass(frozen=True, slots=True)
class TransferStatus:
    """One line of progress. Numbers are bytes; 0 where there is nothing to count."""

    status: str
    digest: str = ""
    total: int = 0
    completed: int = 0


Report = Callable[[TransferStatus], None]


@contextlib.asynccontextmanager
async def ticking(report: Callable[[], None]) -> AsyncIterator[None]:
    """Call ``report`` every :data:`TICK_S` for as long as the block runs."""

    async def tick() -> None:
        while True:
            await asyncio.sleep(TICK_S)
            report()

    ticker = asyncio.create_task(tick())
    try:
        yield
    finally:
        ticker.cancel()


class Broadcast:
    """The latest line of each kind, in the order in which the kinds appeared."""

    def __init__(self) -> None:
        self._latest: dict[tuple[str, str], TransferStatus] = {}
        self._watchers: list[_Watcher] = []
        self._is_over = False
        self._error: PunaError | None = None

    def publish(self, status: TransferStatus) -> None:
        """Tell all watchers, now and later."""
        key = (status.status, status.digest)
        self._latest[key] = status
        for watcher in self._watchers:
            watcher.pending[key] = status
            watcher.changed.set()

    def close(self, error: PunaError | None = None) -> None:
        """End all watching, with ``error`` if there is one. Only the first call counts."""
        if self._is_over:
            return
        self._is_over, self._error = True, error
        for watcher in self._watchers:
            watcher.changed.set()

    async def watch(self) -> AsyncGenerator[TransferStatus, None]:
        """All lines so far, then each new one, to the end.

        Raises:
            PunaError: the error that ended the transfer.
        """
        watcher = _Watcher(dict(self._latest))
        self._watchers.append(watcher)
        try:
            while True:
                while watcher.pending:
                    yield watcher.pending.pop(next(iter(watcher.pending)))
                if self._is_over:
                    break
                watcher.changed.clear()
                await watcher.changed.wait()
        finally:
            self._watchers.remove(watcher)
        if self._error is not None:
            raise self._error


class _Watcher:
    def __init__(self, pending: dict[tuple[str, str], TransferStatus]) -> None:
        self.pending = pending
        self.changed = asyncio.Event()
