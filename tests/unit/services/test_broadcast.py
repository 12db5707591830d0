from __future__ import annotations

import asyncio

import pytest

from puna.errors import RegistryError
from puna.services.broadcast import Broadcast, TransferStatus, ticking


def line(status: str, completed: int = 0) -> TransferStatus:
    return TransferStatus(status, "sha256:x" if completed else "", 10, completed)


async def watched(broadcast: Broadcast) -> list[TransferStatus]:
    return [one async for one in broadcast.watch()]


async def test_a_watcher_sees_every_line_it_is_quick_enough_for():
    broadcast = Broadcast()
    watching = asyncio.create_task(watched(broadcast))
    for count in (1, 2, 3):
        broadcast.publish(line("pulling", count))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    broadcast.close()
    assert [one.completed for one in await watching] == [1, 2, 3]


async def test_a_slow_watcher_gets_the_last_count_of_each_kind_in_order():
    broadcast = Broadcast()
    watching = asyncio.create_task(watched(broadcast))
    await asyncio.sleep(0)
    broadcast.publish(line("manifest"))
    for count in (1, 2, 3):
        broadcast.publish(line("pulling", count))
    broadcast.publish(line("success"))
    broadcast.close()
    assert await watching == [line("manifest"), line("pulling", 3), line("success")]


async def test_a_late_watcher_gets_what_was_said_before():
    broadcast = Broadcast()
    broadcast.publish(line("manifest"))
    broadcast.publish(line("pulling", 5))
    broadcast.close()
    assert await watched(broadcast) == [line("manifest"), line("pulling", 5)]


async def test_the_error_comes_after_the_last_line():
    broadcast = Broadcast()
    broadcast.publish(line("manifest"))
    broadcast.close(RegistryError("no"))
    broadcast.close()
    lines = broadcast.watch()
    assert await anext(lines) == line("manifest")
    with pytest.raises(RegistryError, match="no"):
        await anext(lines)


async def test_a_watcher_that_leaves_is_forgotten():
    broadcast = Broadcast()
    broadcast.publish(line("manifest"))
    lines = broadcast.watch()
    await anext(lines)
    await lines.aclose()
    broadcast.publish(line("success"))
    broadcast.close()
    assert len(await watched(broadcast)) == 2


async def test_ticking_ends_with_its_block():
    ticks: list[int] = []
    ticked = asyncio.Event()

    def tick() -> None:
        ticks.append(1)
        ticked.set()

    async with ticking(tick):
        await ticked.wait()
    count = len(ticks)
    await asyncio.sleep(0.1)
    assert len(ticks) == count
