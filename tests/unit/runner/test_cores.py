"""Where threads that compute run."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from puna.runner import cores
from puna.runner.cores import Placement, shares

linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets threads be placed")
_NO_CHOICE: dict[str, str] = {}


def sets(*cpus: str) -> list[frozenset[int]]:
    return [frozenset(map(int, each.split())) for each in cpus]


def spins(libraries: Path, *names: str, **environment: str) -> int:
    for name in names:
        (libraries / name).touch()
    cores.prepare(environment, libraries)
    return int(environment["GOMP_SPINCOUNT"])


@linux
def test_threads_with_cores_of_their_own_look_longer_for_each_other(tmp_path: Path) -> None:
    placed = spins(tmp_path, "libggml.so", "libggml-base.so", "libggml-cpu-haswell.so")
    assert placed == 20000
    assert spins(tmp_path, OMP_PROC_BIND="false") == 1000
    assert spins(tmp_path, "libggml-cuda.so") == 1000


def test_threads_that_cannot_be_placed_look_only_shortly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbidden, raising=False)
    assert spins(tmp_path) == 1000


@pytest.mark.parametrize("chosen", [{"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "active"}])
def test_how_threads_wait_is_left_to_a_user_who_chose_it(
    chosen: dict[str, str], tmp_path: Path
) -> None:
    environment = dict(chosen)
    cores.prepare(environment, tmp_path)
    assert environment == chosen


@pytest.mark.parametrize(
    ("machine", "threads", "expected"),
    [
        (sets("0", "1"), 2, sets("0", "1")),
        (sets("0 4", "1 5", "2 6", "3 7"), 4, sets("0 4", "1 5", "2 6", "3 7")),
        (sets("0", "1", "2", "3"), 2, sets("0 2", "1 3")),
        (sets("0", "1", "2"), 2, sets("0 2", "1")),
        (sets("0", "1"), 3, []),
        (sets("0", "1"), 1, []),
    ],
)
def test_each_thread_has_cores_of_its_own(
    machine: list[frozenset[int]], threads: int, expected: list[frozenset[int]]
) -> None:
    assert list(shares(machine, threads)) == expected


class NativeThread:
    """A thread that Python did not start."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None)
        self._go, self._up = threading.Event(), threading.Event()
        self.id = 0
        self._call = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p)(self._run)
        self._handle = ctypes.c_ulong()
        self._libc.pthread_create(ctypes.byref(self._handle), None, self._call, None)
        assert self._up.wait(10)

    def _run(self, _: object) -> None:
        self.id = self._libc.gettid()
        self._up.set()
        self._go.wait(30)

    def end(self) -> None:
        self._go.set()
        if self._handle.value:
            self._libc.pthread_join(self._handle, None)
        self._handle.value = 0


@pytest.fixture
def native(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], NativeThread]]:
    everything = os.sched_getaffinity(0)
    threads: list[NativeThread] = []
    python = threading.enumerate

    def start() -> NativeThread:
        threads.append(NativeThread())
        return threads[-1]

    # A native thread that calls Python is listed there as long as it does so.
    monkeypatch.setattr(
        threading,
        "enumerate",
        lambda: [each for each in python() if each.native_id not in {t.id for t in threads}],
    )
    yield start
    for thread in threads:
        thread.end()
    os.sched_setaffinity(0, everything)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2:
        pytest.skip("needs two CPUs of Linux")
    pair = sorted(os.sched_getaffinity(0))[:2]
    monkeypatch.setattr(cores, "_cores", lambda _: [frozenset({cpu}) for cpu in pair])


@pytest.mark.usefixtures("two_cores")
def test_threads_that_compute_do_not_share_a_core(native: Callable[[], NativeThread]) -> None:
    placement = Placement(2, _NO_CHOICE)
    worker = native()
    placement.apply()
    here, there = os.sched_getaffinity(0), os.sched_getaffinity(worker.id)
    assert len(here) == len(there) == 1
    assert here != there


@pytest.mark.usefixtures("two_cores")
def test_a_worker_that_replaces_another_gets_its_core(native: Callable[[], NativeThread]) -> None:
    placement = Placement(2, _NO_CHOICE)
    first = native()
    placement.apply()
    there = os.sched_getaffinity(first.id)
    first.end()
    second = native()
    placement.apply()
    assert os.sched_getaffinity(second.id) == there


@pytest.mark.usefixtures("two_cores")
def test_a_thread_that_does_not_compute_may_leave(native: Callable[[], NativeThread]) -> None:
    everything = os.sched_getaffinity(0)
    placement = Placement(2, _NO_CHOICE)
    native()
    placement.apply()
    found = []

    def helper() -> None:
        found.append(os.sched_getaffinity(0))
        placement.leave()
        found.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=helper)
    thread.start()
    thread.join()
    assert len(found[0]) == 1
    assert found[1] == everything


@linux
@pytest.mark.parametrize("threads", [1, 3, 1 << 12])
def test_other_numbers_of_threads_are_left_alone(
    native: Callable[[], NativeThread], threads: int
) -> None:
    everything = os.sched_getaffinity(0)
    placement = Placement(threads, _NO_CHOICE)
    native()
    placement.apply()
    assert os.sched_getaffinity(0) == everything


@pytest.mark.usefixtures("two_cores")
def test_a_user_who_chose_places_keeps_them(native: Callable[[], NativeThread]) -> None:
    everything = os.sched_getaffinity(0)
    placement = Placement(2, {"OMP_PROC_BIND": "false"})
    native()
    placement.apply()
    assert os.sched_getaffinity(0) == everything
