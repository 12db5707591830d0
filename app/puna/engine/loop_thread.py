"""Where the thread of an event loop runs: off the core on which a runner chooses tokens.

Linux wakes who reads a pipe on the core of who writes it, unless another core is idle. After a batch
none is: the threads of llama.cpp look for more work for a moment. So the server took the core of the
very thread that had tokens to choose, for 0.5 ms per batch. Measured on two cores with a small
model: one stream is 5 % faster without that, four are 4 %.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor


class LoopThread:
    """The cores of one thread; its methods are called on it. Only Linux has such a thing."""

    def __init__(self) -> None:
        self._avoided: dict[int, frozenset[int]] = {}
        self._allowed: frozenset[int] = frozenset()

    def keep_off(self, runner: int, cpus: Collection[int]) -> None:
        """Stay away from CPUs until :meth:`come_back`; from none where that would be from all.

        Args:
            runner: process id of the runner that they belong to.
            cpus: may be empty.
        """
        if not cpus or sys.platform != "linux":
            return
        if not self._avoided:
            self._allowed = frozenset(os.sched_getaffinity(0))
        self._avoided[runner] = frozenset(cpus)
        self._move()

    def come_back(self, runner: int) -> None:
        """No longer stay away from the CPUs of a runner."""
        if self._avoided.pop(runner, None) is not None:
            self._move()
        if not self._avoided:
            self._allowed = frozenset()

    @contextlib.contextmanager
    def anywhere(self) -> Iterator[None]:
        """For what begins here and would stay on the same cores for life: processes and threads."""
        self._bind(self._allowed)
        try:
            yield
        finally:
            if self._avoided:
                self._move()

    def executor(self) -> ThreadPoolExecutor:
        """One whose threads run anywhere, wherever this one is when they begin."""
        return ThreadPoolExecutor(initializer=lambda: self._bind(self._allowed))

    def _move(self) -> None:
        left = self._allowed.difference(*self._avoided.values())
        self._bind(left or self._allowed)

    def _bind(self, cpus: frozenset[int]) -> None:
        if cpus and sys.platform == "linux":
            # A container may forbid it, or have lost a CPU meanwhile; then all stays as it is.
            with contextlib.suppress(OSError):
                os.sched_setaffinity(0, cpus)


class _Here(threading.local):
    def __init__(self) -> None:
        self.thread = LoopThread()


_here = _Here()


def here() -> LoopThread:
    """That of the calling thread."""
    return _here.thread
