from __future__ import annotations

import asyncio
import threading

import pytest

from puna.registry.threads import settled


async def test_the_result_comes_from_a_thread():
    assert await settled(threading.get_ident) != threading.get_ident()


async def test_an_error_of_the_thread_is_raised():
    with pytest.raises(ZeroDivisionError):
        await settled(lambda: 1 // 0)


async def test_a_canceled_caller_leaves_after_the_thread():
    started, go_on, done = threading.Event(), threading.Event(), []

    def work() -> None:
        started.set()
        go_on.wait(10)
        done.append(1)

    task = asyncio.create_task(settled(work))
    await asyncio.to_thread(started.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert done == [1]
