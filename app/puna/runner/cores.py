"""How the threads of llama.cpp wait for each other, and which cores they run on.

They meet after every part of a layer, some hundred times per token. Linux often wakes one on the
core of the thread that wakes it, also when another core is idle; then both take turns there, five
times as slow, until somebody moves one of them. So each gets cores of its own. Measured on two
cores, a token of a small model: after a rest 5 ms instead of 26, beside another busy program 8
instead of 25, two models at once 8 instead of 25.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Mapping, MutableMapping, Sequence
from pathlib import Path

_SPINS = "20000"
"""How often a thread looks for the others before it sleeps; takes 0.3 to 1.2 ms.

To sleep and to be woken takes as long as a part of a layer: with fewer looks a token takes up to 10 %
longer. The default of GNU OpenMP is some 15 ms: with it two models at once take twice as long, and
three three times.
"""

_FEW_SPINS = "1000"
"""The same where threads have no cores of their own: who looks for a thread that waits for the very
core keeps it waiting. Two models at once, tokens per second: 32, and 4 with more looks."""

_CHOSEN = ("OMP_PROC_BIND", "OMP_PLACES", "GOMP_CPU_AFFINITY", "KMP_AFFINITY")
_TASKS = Path("/proc/self/task")
_CPUS = Path("/sys/devices/system/cpu")


def prepare(environment: MutableMapping[str, str], libraries: Path) -> None:
    """What OpenMP reads while it is loaded; a user's own choice stays.

    Args:
        environment: of this process.
        libraries: folder of llama.cpp. With one for a GPU, threads may not get cores later.
    """
    if "OMP_WAIT_POLICY" not in environment:
        few = not _can_place(environment) or _has_gpu(libraries)
        environment.setdefault("GOMP_SPINCOUNT", _FEW_SPINS if few else _SPINS)


def _can_place(environment: Mapping[str, str]) -> bool:
    if sys.platform != "linux" or any(name in environment for name in _CHOSEN):
        return False
    try:
        os.sched_setaffinity(0, os.sched_getaffinity(0))
    except OSError:
        return False
    return True


def _has_gpu(libraries: Path) -> bool:
    names = {path.name for path in libraries.glob("libggml-*.so")}
    return any(not name.startswith(("libggml-base", "libggml-cpu")) for name in names)


class Placement:
    """Cores for the threads that compute: the one it is made on, and those that start later.

    Where there is no such thing, or the user has chosen, it does nothing.

    Args:
        threads: how many compute.
        environment: where a user may have chosen.
    """

    def __init__(self, threads: int, environment: Mapping[str, str] = os.environ) -> None:
        self._threads = threads
        self._here = threading.get_native_id()
        self._before: frozenset[int] = frozenset()
        self._placed: frozenset[int] = frozenset()
        self._shares: Sequence[frozenset[int]] = ()
        self._allowed: frozenset[int] = frozenset()
        if _can_place(environment):
            self._before = _tasks()
            self._allowed = frozenset(os.sched_getaffinity(0))
            found = shares(_cores(self._allowed), threads)
            # Models in use at the same time should not all have their first thread on one core.
            turn = os.getpid() % threads
            self._shares = (*found[turn:], *found[:turn])

    def apply(self) -> tuple[int, ...]:
        """Give every thread its cores; those of the one it is made on, none if it has all.

        To be called again: a pool may have made new threads.
        """
        self._place()
        return tuple(sorted(self._shares[0])) if self._placed else ()

    def _place(self) -> None:
        if not self._shares:
            return
        python = {thread.native_id for thread in threading.enumerate()}
        workers = _tasks() - self._before - python
        if len(workers) != self._threads - 1 or workers == self._placed:
            return
        for task, share in zip([self._here, *sorted(workers)], self._shares, strict=True):
            _bind(task, share)
        self._placed = workers

    def leave(self) -> None:
        """Called on a thread that does not compute: it may run on any core."""
        if self._shares:
            _bind(threading.get_native_id(), self._allowed)


def shares(cores: Sequence[frozenset[int]], threads: int) -> Sequence[frozenset[int]]:
    """CPUs for each thread, none for two; empty when there are more threads than ``cores``.

    A thread with several cores can get out of the way of other programs.
    """
    if not 1 < threads <= len(cores):
        return ()
    return [frozenset[int]().union(*cores[place::threads]) for place in range(threads)]


def _cores(allowed: frozenset[int]) -> list[frozenset[int]]:
    """The CPUs of each core, those outside ``allowed`` left out."""
    found = {_siblings(cpu) & allowed for cpu in allowed}
    return sorted(found, key=min)


def _siblings(cpu: int) -> frozenset[int]:
    """All hyper-threads of the core of a CPU."""
    try:
        text = (_CPUS / f"cpu{cpu}/topology/thread_siblings_list").read_text()
        return frozenset({cpu}.union(*map(_range, text.split(","))))
    except (OSError, ValueError):
        return frozenset({cpu})


def _range(text: str) -> range:
    first, _, last = text.strip().partition("-")
    return range(int(first), int(last or first) + 1)


def _tasks() -> frozenset[int]:
    return frozenset(int(task.name) for task in _TASKS.iterdir())


def _bind(task: int, cpus: frozenset[int]) -> None:
    # A thread may be gone, a container may forbid it; then it stays as it was.
    with contextlib.suppress(OSError):
        os.sched_setaffinity(task, cpus)
