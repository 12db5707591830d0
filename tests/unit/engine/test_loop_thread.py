"""Where the thread of an event loop runs."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from puna.engine import loop_thread
from puna.engine.loop_thread import LoopThread

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets threads be placed")


@pytest.fixture
def allowed() -> Iterator[frozenset[int]]:
    """All CPUs of this thread, of which there are two at least; it has them again afterwards."""
    cpus = frozenset(os.sched_getaffinity(0))
    if len(cpus) < 2:
        pytest.skip("one CPU")
    yield cpus
    os.sched_setaffinity(0, cpus)


def test_it_stays_away_until_it_comes_back(allowed: frozenset[int]) -> None:
    first, thread = min(allowed), LoopThread()
    thread.keep_off(7, [first])
    assert os.sched_getaffinity(0) == allowed - {first}
    thread.come_back(7)
    thread.come_back(7)
    assert os.sched_getaffinity(0) == allowed


def test_it_stays_away_from_what_several_runners_use(allowed: frozenset[int]) -> None:
    first, last, thread = min(allowed), max(allowed), LoopThread()
    thread.keep_off(7, [first])
    thread.keep_off(8, [last])
    assert os.sched_getaffinity(0) == (allowed - {first, last} or allowed)
    thread.come_back(7)
    assert os.sched_getaffinity(0) == allowed - {last}


def test_it_runs_anywhere_rather_than_nowhere(allowed: frozenset[int]) -> None:
    thread = LoopThread()
    thread.keep_off(7, allowed)
    assert os.sched_getaffinity(0) == allowed
    thread.keep_off(8, ())
    assert os.sched_getaffinity(0) == allowed


def test_cores_that_a_user_takes_away_meanwhile_stay_away(allowed: frozenset[int]) -> None:
    first, thread = min(allowed), LoopThread()
    thread.keep_off(7, [first])
    thread.come_back(7)
    os.sched_setaffinity(0, {first})
    with thread.anywhere():
        assert os.sched_getaffinity(0) == {first}


def test_processes_and_threads_that_it_begins_run_anywhere(allowed: frozenset[int]) -> None:
    thread = LoopThread()
    thread.keep_off(7, [min(allowed)])
    program = "import os; print(sorted(os.sched_getaffinity(0)))"
    with thread.anywhere():
        child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert child.stdout.strip() == str(sorted(allowed))
    assert os.sched_getaffinity(0) != allowed
    with thread.executor() as pool:
        assert pool.submit(os.sched_getaffinity, 0).result() == allowed
    assert os.sched_getaffinity(0) != allowed


def test_a_container_may_forbid_it(
    allowed: frozenset[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    with monkeypatch.context() as patched:
        patched.setattr(os, "sched_setaffinity", forbidden)
        LoopThread().keep_off(7, [min(allowed)])
    assert os.sched_getaffinity(0) == allowed


def test_each_thread_has_its_own() -> None:
    seen: list[LoopThread] = []
    note: Callable[[], None] = lambda: seen.append(loop_thread.here())  # noqa: E731
    other = threading.Thread(target=note)
    other.start()
    other.join()
    note()
    note()
    assert seen[0] is not seen[1]
    assert seen[1] is seen[2]
