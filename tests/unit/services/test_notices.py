import asyncio
from contextlib import aclosing

from puna.services.notices import Notices


async def test_every_watcher_gets_what_happens_from_now_on() -> None:
    notices = Notices()
    notices.publish("before")
    async with aclosing(notices.watch()) as first, aclosing(notices.watch()) as second:
        waiting = [asyncio.ensure_future(anext(watcher)) for watcher in (first, second)]
        await asyncio.sleep(0)
        notices.publish("models_changed", name="x")
        assert await asyncio.gather(*waiting) == [{"type": "models_changed", "name": "x"}] * 2


async def test_a_slow_watcher_keeps_the_newest() -> None:
    notices = Notices()
    async with aclosing(notices.watch()) as watcher:
        waiting = asyncio.ensure_future(anext(watcher))
        await asyncio.sleep(0)
        for number in range(500):
            notices.publish("n", number=number)
        seen = [await waiting] + [await anext(watcher) for _ in range(99)]
    assert seen[-1]["number"] == 499
