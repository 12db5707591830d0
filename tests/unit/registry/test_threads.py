from __future__ import annotations

import asyncio
import threading

import pytest

from puna.registry import threads
from puna.registry.threads import WriteBehind, settled


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


async def test_pieces_are_written_in_their_order_and_none_is_left():
    written: list[bytes] = []
    behind = WriteBehind(written.append)
    pieces = [bytes([number]) * 300_000 for number in range(20)]
    for piece in pieces:
        await behind.add(piece)
    await behind.flush()
    assert written == pieces


async def test_some_pieces_come_in_while_one_is_written_but_not_without_end():
    begun, go_on = threading.Event(), threading.Event()

    def write(_: bytes) -> None:
        begun.set()
        go_on.wait(10)

    behind = WriteBehind(write)
    await behind.add(b"x")
    await asyncio.to_thread(begun.wait, 10)
    await asyncio.wait_for(behind.add(bytes(2 << 20)), 10)
    last = asyncio.create_task(behind.add(bytes(2 << 20)))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not last.done()
    go_on.set()
    await last
    await behind.flush()


async def test_no_piece_overtakes_another_when_the_time_of_a_few_is_up(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(threads, "_WRITE_S", 0)
    begun, go_on = threading.Semaphore(0), threading.Event()
    written: list[bytes] = []

    def write(piece: bytes) -> None:
        begun.release()
        go_on.wait(10)
        written.append(piece)

    behind = WriteBehind(write)
    await behind.add(b"1" * (1 << 20))
    assert await asyncio.to_thread(begun.acquire, timeout=10)
    await behind.add(b"2")
    last = asyncio.create_task(behind.add(b"3" * (4 << 20)))
    for _ in range(10):
        await asyncio.to_thread(lambda: None)  # behind what else was given to a thread
    assert not begun.acquire(blocking=False), "two pieces are being written at once"
    go_on.set()
    await last
    await behind.flush()
    assert [piece[:1] for piece in written] == [b"1", b"2", b"3"]


async def test_what_a_write_raises_reaches_the_one_who_adds():
    def write(data: bytes) -> None:
        raise OSError(data.decode())

    behind = WriteBehind(write)
    await behind.add(b"first")
    with pytest.raises(OSError, match="first"):
        await behind.flush()
