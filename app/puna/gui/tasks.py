"""The one place where the GUI starts coroutines."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import QObject, Signal

from puna.errors import PunaError

logger = logging.getLogger(__name__)


class Tasks(QObject):
    """Named coroutines of one owner; a name runs at most once at a time.

    Signals:
        failed: name of the task and the error that ended it; only for tasks
            that were started without an ``on_error`` of their own.
    """

    failed = Signal(str, object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._running: dict[str, asyncio.Task[None]] = {}

    def start(
        self,
        name: str,
        work: Coroutine[Any, Any, None],
        on_error: Callable[[PunaError], None] | None = None,
    ) -> None:
        """Run ``work`` under ``name``; an older task of that name is cancelled first.

        Args:
            name: key for :meth:`cancel` and :meth:`is_running`, also the task's name in logs.
            work: the coroutine; cancelled when the owner closes.
            on_error: called with the :class:`PunaError` that ended the work.
        """
        self.cancel(name)
        loop = asyncio.get_event_loop_policy().get_event_loop()
        task = loop.create_task(self._guard(name, work, on_error), name=name)
        self._running[name] = task
        task.add_done_callback(lambda done: self._forget(name, done))
        # A task cancelled before its first step has never touched the work it was given.
        task.add_done_callback(lambda _: work.close())

    def cancel(self, name: str) -> None:
        """Cancel the task of that name, if one runs."""
        task = self._running.pop(name, None)
        if task is not None:
            task.cancel()

    def is_running(self, name: str) -> bool:
        """Whether a task of that name is at work."""
        return name in self._running

    async def aclose(self) -> None:
        """Cancel all tasks and wait until they have cleaned up."""
        tasks = list(self._running.values())
        self._running.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _forget(self, name: str, done: asyncio.Task[None]) -> None:
        if self._running.get(name) is done:
            del self._running[name]

    async def _guard(
        self,
        name: str,
        work: Coroutine[Any, Any, None],
        on_error: Callable[[PunaError], None] | None,
    ) -> None:
        try:
            await work
        except PunaError as error:
            self._report(name, error, on_error)
        except Exception as error:
            # A fault of ours in one view must not end the program; it is logged and shown.
            logger.exception("task %s failed", name)
            self._report(name, PunaError(f"{type(error).__name__}: {error}"), on_error)

    def _report(
        self, name: str, error: PunaError, on_error: Callable[[PunaError], None] | None
    ) -> None:
        if on_error is not None:
            on_error(error)
        else:
            self.failed.emit(name, error)
