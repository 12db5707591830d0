"""What happens in the server, for whoever watches: windows, tray, other programs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

Notice: TypeAlias = dict[str, Any]

_KEPT = 100


class Notices:
    """Passes notices on to all watchers; loop thread only.

    A watcher that does not read loses the oldest notices, never the newest.
    """

    def __init__(self) -> None:
        self._watchers: set[asyncio.Queue[Notice]] = set()

    def publish(self, kind: str, **details: Any) -> None:
        """Tell every watcher."""
        for queue in self._watchers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait({"type": kind, **details})

    async def watch(self) -> AsyncIterator[Notice]:
        """Notices from now on, until the watcher is closed."""
        queue: asyncio.Queue[Notice] = asyncio.Queue(_KEPT)
        self._watchers.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._watchers.discard(queue)
