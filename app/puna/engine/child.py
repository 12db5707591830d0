"""A child process with three pipes: start, write, read by callback, end for certain."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import psutil

from puna.engine import launch, loop_thread

_DRAIN = 1.0
"""Seconds the pipes may stay open after the process ended (a grandchild holds them)."""

_TERMINATE_PATIENCE = 2.0
_KILL_PATIENCE = 5.0


class _Output(asyncio.Protocol):
    """Gives stdout to its callback at once; asyncio does so a turn of its loop later."""

    def __init__(self, receive: Callable[[bytes], None], pipe: asyncio.BaseProtocol) -> None:
        self._receive = receive
        self._pipe = pipe

    def data_received(self, data: bytes) -> None:
        """Bytes from stdout."""
        self._receive(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell asyncio, which waits for the end of all pipes."""
        self._pipe.connection_lost(exc)


class Child(asyncio.SubprocessProtocol):
    """One process. Belongs to the event loop that spawned it.

    Callbacks run on that loop: ``on_output`` and ``on_log`` with each piece of
    stdout and stderr, ``on_end`` once, when nothing can come any more.
    """

    def __init__(
        self,
        on_output: Callable[[bytes], None],
        on_log: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> None:
        self._on_output = on_output
        self._on_log = on_log
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._ended = asyncio.Event()
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def spawn(
        cls,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        on_output: Callable[[bytes], None],
        on_log: Callable[[bytes], None],
        on_end: Callable[[], None],
    ) -> Self:
        """Start ``command`` with exactly ``environment``, without a shell.

        Raises:
            OSError: the program does not exist or cannot be run.
        """
        child = cls(on_output, on_log, on_end)
        with loop_thread.here().anywhere():
            await child._loop.subprocess_exec(
                lambda: child, *command, env=dict(environment), **launch.detached()
            )
        return child

    # -- called by asyncio --------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process runs."""
        assert isinstance(transport, asyncio.SubprocessTransport)
        self._transport = transport
        stdout = transport.get_pipe_transport(1)
        assert stdout is not None
        stdout.set_protocol(_Output(self._on_output, stdout.get_protocol()))

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Bytes from stdout or stderr."""
        (self._on_output if fd == 1 else self._on_log)(data)

    def process_exited(self) -> None:
        """The process is gone; its pipes may still hold its last words."""
        self._loop.call_later(_DRAIN, self._end)

    def connection_lost(self, exc: Exception | None) -> None:
        """The process is gone and its pipes are empty."""
        self._end()

    def _end(self) -> None:
        if self._ended.is_set():
            return
        self._ended.set()
        self._open_transport.close()
        self._on_end()

    # -- called by the owner --------------------------------------------------------

    @property
    def _open_transport(self) -> asyncio.SubprocessTransport:
        assert self._transport is not None
        return self._transport

    @property
    def pid(self) -> int:
        """Process id; stays known after the end."""
        return self._open_transport.get_pid() or 0

    @property
    def is_ended(self) -> bool:
        """Nothing can come any more."""
        return self._ended.is_set()

    @property
    def returncode(self) -> int | None:
        """Exit code, negative = signal; ``None`` while it runs."""
        return self._open_transport.get_returncode()

    def write(self, data: bytes) -> None:
        """Queue bytes for stdin. The queue has no limit, so nobody ever blocks."""
        stdin = self._open_transport.get_pipe_transport(0)
        if isinstance(stdin, asyncio.WriteTransport) and not stdin.is_closing():
            stdin.write(data)

    def kill(self) -> None:
        """End it now, even when it is suspended; ``on_end`` follows."""
        if not self.is_ended and self.returncode is None:
            launch.kill(self._open_transport, self.pid)

    async def destroy(self) -> None:
        """End it now and wait until it is gone."""
        self.kill()
        await self._ends_within(_KILL_PATIENCE)

    def cpu_seconds(self) -> float | None:
        """CPU time so far; ``None`` while it waits for the disk or for its turn on a CPU."""
        try:
            process = psutil.Process(self.pid)
            if _states(process) & {psutil.STATUS_DISK_SLEEP, psutil.STATUS_RUNNING}:
                return None
            times = process.cpu_times()
        except psutil.Error:
            return 0.0
        return float(times.user + times.system)

    async def stop(self, *, grace: float) -> None:
        """Close stdin, after ``grace`` seconds ask by signal, then kill."""
        try:
            self._close_stdin()
            if await self._ends_within(grace):
                return
            self._terminate()
            if await self._ends_within(_TERMINATE_PATIENCE):
                return
        finally:
            self.kill()
        await self.destroy()

    def _close_stdin(self) -> None:
        stdin = self._open_transport.get_pipe_transport(0)
        if stdin is not None:
            stdin.close()

    def _terminate(self) -> None:
        if self.returncode is None:
            launch.terminate(self._open_transport, self.pid)

    async def _ends_within(self, patience: float) -> bool:
        try:
            async with asyncio.timeout(patience):
                await self._ended.wait()
        except TimeoutError:
            return False
        return True


def _states(process: psutil.Process) -> set[str]:
    """The states of its threads; of its main thread alone where the system tells no more."""
    if sys.platform != "linux":
        return {process.status()}
    return {psutil.Process(thread.id).status() for thread in process.threads()}
