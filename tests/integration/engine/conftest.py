"""A scheduler over scripted runners, and the checks that it leaves nothing behind."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import psutil
import pytest

from puna.engine.config import EngineConfig, ModelSpec
from puna.engine.lease import Lease
from puna.engine.scheduler import Scheduler
from puna.runner.protocol import Constraint, Delta, Generate, LoadOptions, Raw

SCRIPTED_RUNNER = Path(__file__).resolve().parents[2] / "fixtures" / "scripted_runner.py"


def command(script: dict[str, Any]) -> tuple[str, ...]:
    return (sys.executable, str(SCRIPTED_RUNNER), json.dumps(script))


def prompt(text: str, *, constrained: bool = False) -> Generate:
    constraint = Constraint("json") if constrained else None
    return Generate(id=0, prompt=Raw(text), constraint=constraint)


def spec(name: str = "m", *, estimate: int = 1, auto: bool = True, **load: Any) -> ModelSpec:
    options = LoadOptions(paths=(f"/{name}.gguf",), **load)
    return ModelSpec(f"key-{name}", f"{name}:latest", options, estimate, auto_context=auto)


async def text_of(lease: Lease, request: Generate) -> str:
    async with aclosing(lease.generate(request)) as reports:
        return "".join([one.text async for one in reports if isinstance(one, Delta)])


async def ask(scheduler: Scheduler, model: ModelSpec, text: str = "hi", **keep: Any) -> str:
    async with scheduler.acquire(model, keep.get("keep_alive")) as lease:
        return await text_of(lease, prompt(text))


async def until(condition: Callable[[], bool], *, patience: float = 10.0) -> None:
    """Wait for something that another process or task does."""
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - other processes set no events here
            await asyncio.sleep(0.005)


SchedulerFactory = Callable[..., Scheduler]


@pytest.fixture
async def make_scheduler() -> AsyncIterator[SchedulerFactory]:
    """``make_scheduler(script, **config)``; all are closed, and nothing may be left."""
    made: list[Scheduler] = []

    def make(
        script: dict[str, Any] | None = None,
        on_change: Callable[[], None] = lambda: None,
        **config: Any,
    ) -> Scheduler:
        config.setdefault("keep_spare", False)
        made.append(
            Scheduler(
                EngineConfig(**config),
                environment=os.environ,
                runner_command=command(script or {}),
                on_change=on_change,
            )
        )
        return made[-1]

    yield make
    for scheduler in made:
        await scheduler.aclose()
    assert len(asyncio.all_tasks()) == 1


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """No child process and no file descriptor outlives a test."""
    process = psutil.Process()
    before = process.num_fds()
    yield
    assert process.children() == []
    assert process.num_fds() <= before
