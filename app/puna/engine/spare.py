"""One runner that is already started, so that a load need not wait for imports."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from puna.engine.runner_process import RunnerProcess
from puna.errors import RunnerError

logger = logging.getLogger(__name__)

_STOP_GRACE = 1.0
"""Seconds for a runner without a model; it has nothing to save."""

_PATIENCE = 30.0
"""Seconds for which a start gives way to work: it keeps a core busy for half a second."""

_LEAST_PAUSE = 0.1


class Spare:
    """Keeps at most one runner that waits for its model.

    Args:
        spawn: starts a runner.
        is_busy: whether other runners have work.
    """

    def __init__(
        self,
        spawn: Callable[[], Coroutine[Any, Any, RunnerProcess]],
        is_busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._spawn = spawn
        self._is_busy = is_busy
        self._starting: asyncio.Task[RunnerProcess] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def prepare(self, *, delay: float) -> None:
        """Start one in ``delay`` seconds, or at the next rest, unless there is one or soon will be."""
        if self._starting is None and self._timer is None:
            latest = asyncio.get_running_loop().time() + delay + _PATIENCE
            self._wait(delay, latest)

    def _wait(self, pause: float, latest: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(pause, self._start_at_rest, latest)

    def _start_at_rest(self, latest: float) -> None:
        if self._is_busy() and asyncio.get_running_loop().time() < latest:
            self._wait(_LEAST_PAUSE, latest)
            return
        self._timer = None
        self._starting = asyncio.create_task(self._spawn(), name="spare runner")
        self._starting.add_done_callback(_log_failure)

    async def take(self) -> RunnerProcess:
        """The spare runner, or a new one when there is none that lives.

        Raises:
            RunnerError: no runner can be started.
        """
        self._forget_timer()
        starting, self._starting = self._starting, None
        if starting is not None:
            try:
                runner = await starting
            except RunnerError:
                return await self._spawn()
            except asyncio.CancelledError:
                self._put_back(starting)
                raise
            if not runner.is_ended:
                return runner
        return await self._spawn()

    def _put_back(self, starting: asyncio.Task[RunnerProcess]) -> None:
        """The taker was cancelled just when the runner was ready."""
        if _is_up(starting):
            self._starting = starting

    async def drop(self) -> None:
        """End the spare runner."""
        self._forget_timer()
        starting, self._starting = self._starting, None
        if starting is None:
            return
        starting.cancel()
        await asyncio.wait([starting])
        if _is_up(starting):
            await starting.result().stop(grace=_STOP_GRACE)

    def _forget_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _is_up(starting: asyncio.Task[RunnerProcess]) -> bool:
    return starting.done() and not starting.cancelled() and starting.exception() is None


def _log_failure(task: asyncio.Task[RunnerProcess]) -> None:
    if not task.cancelled() and task.exception() is not None:
        logger.warning("spare runner: %s", task.exception())
