from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from puna.engine.config import EngineConfig
from puna.engine.runner_process import RunnerProcess
from puna.engine.spare import Spare
from puna.errors import RunnerError

from .conftest import SchedulerFactory, ask, command, spec, until


class Spawner:
    """Starts scripted runners and counts them; each one is ended after the test."""

    def __init__(self, script: dict[str, Any] | None = None) -> None:
        self.script = script or {}
        self.runners: list[RunnerProcess] = []
        self.attempts = 0

    async def __call__(self) -> RunnerProcess:
        self.attempts += 1
        runner = await RunnerProcess.spawn(
            command(self.script), dict(os.environ), name="m", start_timeout=20, hang_timeout=20
        )
        self.runners.append(runner)
        return runner


@pytest.fixture
async def spawner() -> AsyncIterator[Spawner]:
    made = Spawner()
    yield made
    for runner in made.runners:
        await runner.destroy()


async def test_a_prepared_runner_is_taken(spawner: Spawner) -> None:
    spare = Spare(spawner)
    spare.prepare(delay=0)
    await until(lambda: spawner.runners != [])
    assert await spare.take() is spawner.runners[0]
    assert spawner.attempts == 1


async def test_preparing_twice_makes_one_runner(spawner: Spawner) -> None:
    spare = Spare(spawner)
    spare.prepare(delay=0)
    spare.prepare(delay=0)
    await spare.take()
    assert spawner.attempts == 1


async def test_a_runner_that_is_just_starting_is_waited_for(spawner: Spawner) -> None:
    spare = Spare(spawner)
    spare.prepare(delay=0)
    await until(lambda: spawner.attempts == 1)
    await spare.take()
    assert spawner.attempts == 1


async def test_without_a_prepared_runner_one_is_started(spawner: Spawner) -> None:
    spare = Spare(spawner)
    spare.prepare(delay=60)
    assert await spare.take() is spawner.runners[0]


async def test_a_spare_that_died_is_replaced(spawner: Spawner) -> None:
    spare = Spare(spawner)
    spare.prepare(delay=0)
    await until(lambda: spawner.runners != [])
    os.kill(spawner.runners[0].pid, signal.SIGKILL)
    await until(lambda: spawner.runners[0].is_ended)
    assert await spare.take() is spawner.runners[1]


async def test_a_spare_that_cannot_start_is_tried_again_when_needed() -> None:
    broken = Spawner({"hello": [{"exit": 1}]})
    spare = Spare(broken)
    spare.prepare(delay=0)
    await until(lambda: broken.attempts == 1)
    with pytest.raises(RunnerError):
        await spare.take()
    assert broken.attempts == 2


async def test_a_dropped_spare_is_ended(spawner: Spawner) -> None:
    spare = Spare(spawner)
    spare.prepare(delay=0)
    await until(lambda: spawner.runners != [])
    await spare.drop()
    assert spawner.runners[0].is_ended


async def test_a_spare_that_is_starting_can_be_dropped(spawner: Spawner) -> None:
    spare = Spare(spawner)
    spare.prepare(delay=0)
    await until(lambda: psutil.Process().children() != [])
    await spare.drop()
    assert psutil.Process().children() == []


async def test_a_spare_is_kept_when_its_taker_leaves_at_the_last_moment(spawner: Spawner) -> None:
    spare = Spare(spawner)
    spare.prepare(delay=0)
    await until(lambda: spawner.attempts == 1)
    taker = asyncio.create_task(spare.take())
    await until(lambda: spawner.runners != [])
    taker.cancel()
    await asyncio.wait([taker])
    if taker.cancelled():
        assert await spare.take() is spawner.runners[0]


async def test_a_start_gives_way_to_work(spawner: Spawner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("puna.engine.spare._LEAST_PAUSE", 0.001)
    answers = iter([True, True, True, False])
    spare = Spare(spawner, lambda: next(answers))
    spare.prepare(delay=0)
    await until(lambda: spawner.attempts == 1)
    assert list(answers) == []
    await spare.drop()


async def test_steady_work_does_not_hold_it_up_for_ever(
    spawner: Spawner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puna.engine.spare._LEAST_PAUSE", 0.001)
    monkeypatch.setattr("puna.engine.spare._PATIENCE", 0.01)
    spare = Spare(spawner, lambda: True)
    spare.prepare(delay=0)
    await until(lambda: spawner.attempts == 1)
    await spare.drop()


# -- in the scheduler -----------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("puna.engine.fleet._SPARE_DELAY", 0.0)


@pytest.mark.usefixtures("quick")
async def test_the_first_load_uses_the_runner_from_the_start(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler({"devices": [{"name": "CPU", "kind": "cpu"}]}, keep_spare=True)
    scheduler.start()
    await until(lambda: scheduler.machine.devices != ())
    (waiting,) = psutil.Process().children()
    async with scheduler.acquire(spec(), None) as lease:
        assert lease.instance.runner is not None
        assert lease.instance.runner.pid == waiting.pid


@pytest.mark.usefixtures("quick")
async def test_after_a_load_the_next_runner_is_prepared(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler(keep_spare=True)
    await ask(scheduler, spec())
    await until(lambda: len(psutil.Process().children()) == 2)


@pytest.mark.usefixtures("quick")
async def test_the_spare_can_be_switched_off(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler(keep_spare=True)
    scheduler.start()
    await until(lambda: len(psutil.Process().children()) == 1)
    scheduler.configure(EngineConfig(keep_spare=False))
    await until(lambda: psutil.Process().children() == [])
    await ask(scheduler, spec())
    assert len(psutil.Process().children()) == 1


async def test_without_a_spare_none_is_started(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    scheduler.start()
    await asyncio.sleep(0.05)
    assert psutil.Process().children() == []
