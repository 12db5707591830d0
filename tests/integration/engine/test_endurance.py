"""Many things at once, in any order: nothing may stall or stay behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal

import pytest

from puna.engine.scheduler import Scheduler
from puna.errors import PunaError, QueueFull, RunnerCrashed, ShuttingDown

from .conftest import SchedulerFactory, ask, spec

SLOW = {"match": "slow", "steps": [{"repeat": 30, "text": "x"}, {"sleep": 0.05}]}
CRASH = {"match": "crash", "steps": [{"text": "x"}, {"crash": signal.SIGSEGV}]}
SCRIPT = {"rules": [SLOW, CRASH], "load": [{"progress": 0.5}, {"sleep": 0.02}]}


async def request(scheduler: Scheduler, chance: random.Random) -> str:
    """One client: a random model, window, prompt and patience."""
    model = spec(
        chance.choice("abc"),
        estimate=chance.choice([1, 1 << 20]),
        context_length=chance.choice([1024, 2048]),
        auto=chance.random() < 0.5,
    )
    text = chance.choices(["hi", "slow", "crash"], [6, 3, 1])[0]
    await asyncio.sleep(chance.random() * 0.5)
    try:
        async with asyncio.timeout(chance.choice([0.05, 0.3, 60, 60])):
            return await ask(scheduler, model, text, keep_alive=chance.choice([None, 0.0, 0.1]))
    except TimeoutError:
        return "left"
    except (RunnerCrashed, QueueFull) as error:
        return type(error).__name__


async def disturb(scheduler: Scheduler, chance: random.Random) -> None:
    """Unload models and kill runners now and then."""
    for _ in range(6):
        await asyncio.sleep(chance.random() * 0.4)
        await scheduler.unload(f"key-{chance.choice('abc')}")
        runners = [one.runner for one in scheduler._fleet if one.runner]
        if runners:
            with contextlib.suppress(ProcessLookupError):
                os.kill(chance.choice(runners).pid, signal.SIGKILL)


@pytest.mark.parametrize("seed", range(3))
async def test_every_request_ends_whatever_happens(
    make_scheduler: SchedulerFactory, seed: int
) -> None:
    chance = random.Random(seed)
    scheduler = make_scheduler(SCRIPT, max_loaded=2, max_queue=30, max_overtakes=3)
    async with asyncio.timeout(120):
        disturbance = asyncio.create_task(disturb(scheduler, chance))
        outcomes = await asyncio.gather(*(request(scheduler, chance) for _ in range(60)))
        await disturbance
        assert await ask(scheduler, spec("a")) == "Hello there."
    assert "Hello there." in outcomes
    assert scheduler._waiting == []
    assert [one.active for one in scheduler.loaded()] == [0] * len(scheduler.loaded())


async def test_an_end_in_the_middle_of_everything_ends_everything(
    make_scheduler: SchedulerFactory,
) -> None:
    chance = random.Random(7)
    scheduler = make_scheduler(SCRIPT, max_loaded=2)
    tasks = [asyncio.create_task(request(scheduler, chance)) for _ in range(40)]
    await asyncio.sleep(0.6)
    async with asyncio.timeout(10):
        await scheduler.aclose()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    failures = [one for one in outcomes if isinstance(one, PunaError)]
    assert {type(one) for one in failures} <= {ShuttingDown}
    assert scheduler.loaded() == []
