"""A runner: the child process that holds one model, and the requests it works on."""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import signal
from collections.abc import Callable, Mapping, Sequence
from typing import Self, assert_never

import msgspec

from puna.engine import loop_thread
from puna.engine.child import Child
from puna.engine.discretion import without_folders
from puna.engine.exchange import Exchange, Request, Result, error_of
from puna.engine.log_tail import LogTail
from puna.engine.pulse import Pulse
from puna.errors import (
    ModelLoadError,
    OutOfMemory,
    PunaError,
    RunnerCrashed,
    RunnerError,
    ShuttingDown,
)
from puna.runner import protocol
from puna.runner.protocol import (
    Abort,
    Delta,
    Failed,
    Hello,
    Load,
    Loaded,
    LoadFailed,
    Loading,
    LoadOptions,
    Progress,
    Report,
    Settled,
    Step,
    Trim,
)

logger = logging.getLogger(__name__)

_StartReport = Hello | Loading | Loaded | LoadFailed
_KILLED = -9
_CHECKS_PER_TIMEOUT = 10

_TURNS = 6
"""Turns of the event loop in which a request that is being accepted gets to its runner; prompts that
get there together are read together. They take 0.1 ms when there is nothing to do in them."""


class RunnerProcess:
    """A runner process. Belongs to the event loop that spawned it.

    Attributes:
        hello: what the runner said of itself when it came up.
        untouched: bytes that it will take though it has not yet.
        on_settled: called when it has taken them.
        on_end: called once, when the process is gone and its requests have failed.
    """

    def __init__(self, name: str, *, hang_timeout: float) -> None:
        self.hello = Hello(pid=0)
        self.untouched = 0
        self.on_settled: Callable[[], None] = lambda: None
        self.on_end: Callable[[], None] = lambda: None
        self._log = LogTail(name)
        self._loop = asyncio.get_running_loop()
        self._thread = loop_thread.here()
        self._cpus: tuple[int, ...] = ()
        self._child: Child | None = None
        self._frames = protocol.Frames()
        self._start_reports: asyncio.Queue[_StartReport | None] = asyncio.Queue()
        self._exchanges: dict[int, Exchange] = {}
        self._outgoing: list[bytes] = []
        self._ids = itertools.count(1)
        self._cause = ""
        self._stopping = False
        self._interval = hang_timeout / _CHECKS_PER_TIMEOUT
        self._pulse = Pulse(hang_timeout, lambda: self._process.cpu_seconds())
        self._watch: asyncio.TimerHandle | None = None

    # -- start ------------------------------------------------------------------

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        name: str,
        start_timeout: float,
        hang_timeout: float,
    ) -> Self:
        """Start a runner and wait for its :class:`Hello`.

        Args:
            command: argument list; no shell is involved.
            environment: all variables the child gets.
            name: what its log lines are called.
            start_timeout: seconds until Hello must have come.
            hang_timeout: seconds without any sign of work that mean "hung".

        Raises:
            RunnerError: the program cannot be started or did not say Hello.
        """
        runner = cls(name, hang_timeout=hang_timeout)
        try:
            runner._child = await Child.spawn(
                command,
                environment,
                on_output=runner._received,
                on_log=runner._log.feed,
                on_end=runner._finish,
            )
        except OSError as error:
            raise RunnerError(f"cannot start the model runner: {error.strerror}") from error
        try:
            runner.hello = await runner._greeting(start_timeout)
        except BaseException:
            await runner.destroy()
            raise
        return runner

    async def _greeting(self, start_timeout: float) -> Hello:
        report = await self._next_start_report(start_timeout)
        if not isinstance(report, Hello):
            raise RunnerError(f"model runner sent {type(report).__name__} before Hello")
        return report

    def rename(self, name: str) -> None:
        """Log under another name: a spare runner gets its model."""
        self._log.name = name

    async def load(
        self, options: LoadOptions, *, stall: float, on_progress: Callable[[float], None]
    ) -> Loaded:
        """Open a model; only once per process.

        Args:
            options: what to open and how.
            stall: seconds without progress after which the load is given up.
            on_progress: called with values from 0 to 1.

        Raises:
            ModelLoadError: the runner refused the file, died or went silent.
            OutOfMemory: there was not enough memory.
        """
        self._send(Load(options))
        while True:
            report = await self._next_start_report(stall)
            match report:
                case Loading(progress=progress):
                    on_progress(progress)
                case Loaded():
                    self._cpus = report.writer_cpus
                    return report
                case LoadFailed(kind=kind, text=text):
                    error = OutOfMemory if kind == "memory" else ModelLoadError
                    raise error(without_folders(text, options))
                case Hello():
                    continue
                case _:
                    assert_never(report)

    async def _next_start_report(self, patience: float) -> _StartReport:
        try:
            async with asyncio.timeout(patience if patience < math.inf else None):
                report = await self._start_reports.get()
        except TimeoutError:
            text = f"timed out waiting for the model runner: no progress for {patience:g} s"
            raise ModelLoadError(text) from None
        if report is None:
            raise self._load_crash()
        return report

    # -- requests -----------------------------------------------------------------

    @property
    def is_ended(self) -> bool:
        """The process is gone or is being ended."""
        return self._stopping or self._process.is_ended

    @property
    def has_crashed(self) -> bool:
        """The process ended without being asked to."""
        return self._process.is_ended and not self._stopping

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def open(self, request: Request) -> Exchange:
        """Send a request under a new id; the caller closes the exchange.

        Raises:
            RunnerCrashed: the process is gone.
            ShuttingDown: the process is being ended.
        """
        if self.is_ended:
            raise self._end_error(has_output=False)
        request = msgspec.structs.replace(request, id=next(self._ids))
        exchange = Exchange(request, self._abort)
        self._exchanges[request.id] = exchange
        if len(self._exchanges) == 1:
            self._thread.keep_off(self.pid, self._cpus)
            self._begin_watch()
        self._send_with_others(request)
        return exchange

    def _abort(self, request_id: int) -> None:
        if not self.is_ended:
            self._send(Abort(request_id))

    def _send(self, command: protocol.Command) -> None:
        self._outgoing.append(protocol.frame(command))
        self._flush()

    def _send_with_others(self, request: Request) -> None:
        """Send a request in one piece with those that are on their way to the same runner."""
        self._outgoing.append(protocol.frame(request))
        if len(self._outgoing) == 1:
            self._flush_after(_TURNS)

    def _flush_after(self, turns: int) -> None:
        if turns:
            self._loop.call_soon(self._flush_after, turns - 1)
        else:
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._outgoing)
        self._outgoing.clear()
        if data and not self._process.is_ended:
            self._process.write(data)

    @property
    def _process(self) -> Child:
        assert self._child is not None
        return self._child

    # -- reports ------------------------------------------------------------------

    def _received(self, data: bytes) -> None:
        self._pulse.beat(self._loop.time())
        try:
            for body in self._frames.feed(data):
                self._dispatch(protocol.report(body))
        except (ValueError, msgspec.MsgspecError):
            logger.exception("%s: broken frame from the runner", self._log.name)
            self._give_up("it sent a broken frame")

    def _dispatch(self, report: Report) -> None:
        match report:
            case Step(deltas=deltas):
                for delta in deltas:
                    self._part(delta)
            case Progress():
                self._part(report)
            case Hello() | Loading() | Loaded() | LoadFailed():
                if isinstance(report, Loaded):
                    self.untouched = report.memory_untouched
                self._start_reports.put_nowait(report)
            case Settled():
                self.untouched = 0
                self.on_settled()
            case Failed():
                self._outcome(report.id, error_of(report))
            case _:
                self._outcome(report.id, report)

    def _part(self, answer: Delta | Progress) -> None:
        exchange = self._exchanges.get(answer.id)
        if exchange is not None:
            exchange.put(answer)

    def _outcome(self, request_id: int, outcome: Result | PunaError) -> None:
        exchange = self._exchanges.pop(request_id, None)
        if exchange is not None:
            exchange.end(outcome)
        if not self._exchanges:
            self._thread.come_back(self.pid)

    # -- life signs -----------------------------------------------------------------

    def _begin_watch(self) -> None:
        self._pulse.beat(self._loop.time())
        if self._watch is None:
            self._watch = self._loop.call_later(self._interval, self._look)

    def _look(self) -> None:
        self._watch = None
        if self.is_ended or not self._exchanges:
            return
        if self._pulse.is_hung(self._loop.time()):
            self._give_up("it does not respond")
        else:
            self._watch = self._loop.call_later(self._interval, self._look)

    # -- end ------------------------------------------------------------------------

    async def stop(self, *, grace: float, trim: bool = False) -> None:
        """End the process: its requests fail at once, it gets ``grace`` seconds.

        Args:
            grace: seconds to finish by itself before it is signalled.
            trim: let it write its idle conversations to disk first.
        """
        if trim and not self.is_ended:
            self._send(Trim())
        self._flush()
        self._stopping = True
        self._fail_exchanges()
        await self._process.stop(grace=grace)

    async def destroy(self) -> None:
        """End the process now and wait until it is gone."""
        self._stopping = True
        await self._process.destroy()

    def _give_up(self, cause: str) -> None:
        logger.error("%s: the runner is ended: %s", self._log.name, cause)
        self._cause = cause
        self._process.kill()

    def _finish(self) -> None:
        """The process is gone."""
        self._log.close()
        if self._watch is not None:
            self._watch.cancel()
        if not self._stopping:
            logger.warning("%s: runner ended: %s", self._log.name, self._ending)
        self._start_reports.put_nowait(None)
        self._fail_exchanges()
        self.on_end()

    def _fail_exchanges(self) -> None:
        exchanges = list(self._exchanges.values())
        self._exchanges.clear()
        self._thread.come_back(self.pid)
        risky = any(exchange.is_risky for exchange in exchanges)
        for exchange in exchanges:
            unlikely = exchange.is_cause_unlikely(others_risky=risky)
            exchange.may_retry = unlikely and not self._stopping
            exchange.end(self._end_error(has_output=exchange.has_output))

    def _end_error(self, *, has_output: bool) -> PunaError:
        if self._stopping:
            return ShuttingDown()
        text = "an error was encountered while running the model"
        if not has_output:
            text = (
                "model runner has unexpectedly stopped, this may be due to resource "
                "limitations or an internal error"
            )
        return RunnerCrashed(
            f"{text}: {self._ending}; the next request starts it again",
            returncode=self._process.returncode or 0,
            log_tail=self._log.text,
            for_memory=self._was_killed,
        )

    def _load_crash(self) -> ModelLoadError:
        text = f"model runner process has terminated: {self._ending}"
        if self._was_killed:
            return OutOfMemory(f"{text}; the system may have run out of memory")
        return ModelLoadError(text)

    @property
    def _was_killed(self) -> bool:
        """By somebody else: nearly always the system, to get memory back."""
        return self._process.returncode == _KILLED and not self._cause

    @property
    def _ending(self) -> str:
        """Why the process ended, in Go's words for signals."""
        code = self._process.returncode or 0
        if self._cause:
            return self._cause
        if self._log.assertion:
            return self._log.assertion
        if code < 0:
            return f"signal: {(signal.strsignal(-code) or str(-code)).lower()}"
        return f"exit status {code}"
