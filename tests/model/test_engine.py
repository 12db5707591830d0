"""The scheduler with real runners."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest

from puna.engine.config import EngineConfig, ModelSpec
from puna.engine.lease import Lease
from puna.engine.memory import choose
from puna.engine.scheduler import Scheduler
from puna.errors import ModelLoadError, RunnerCrashed
from puna.gguf.metadata import ModelInfo
from puna.gguf.reader import read_header
from puna.runner.protocol import Delta, Embed, Finished, Generate, LoadOptions, Raw, Sampling

pytestmark = pytest.mark.model


@pytest.fixture
async def scheduler() -> AsyncIterator[Scheduler]:
    made = Scheduler(EngineConfig(keep_spare=False), environment=os.environ)
    yield made
    await made.aclose()
    assert psutil.Process().children() == []


def spec_of(
    path: Path, scheduler: Scheduler, *, embedding: bool = False, context_length: int = 512
) -> ModelSpec:
    choice = choose(
        ModelInfo.from_header(read_header(path)),
        LoadOptions(paths=(str(path),), context_length=context_length, embedding=embedding),
        file_bytes=path.stat().st_size,
        available=scheduler.available_memory(),
        total=scheduler.machine.memory.total,
        capacity=scheduler.machine.capacity(),
    )
    return ModelSpec(path.name, path.name, choice.load, choice.estimate.total)


@pytest.fixture
def smollm2_spec(smollm2: Path, scheduler: Scheduler) -> ModelSpec:
    return spec_of(smollm2, scheduler)


def request(text: str = "Once upon a time", *, length: int = 12) -> Generate:
    return Generate(0, Raw(text), Sampling(num_predict=length, temperature=0.0))


async def answer(lease: Lease, asked: Generate) -> tuple[str, Finished]:
    text, last = "", None
    async with aclosing(lease.generate(asked)) as reports:
        async for report in reports:
            text += report.text if isinstance(report, Delta) else ""
            last = report
    assert isinstance(last, Finished)
    return text, last


def resident_memory() -> int:
    return sum(child.memory_info().rss for child in psutil.Process().children())


async def settled(scheduler: Scheduler) -> None:
    """Until the runners have taken all of their memory."""
    async with asyncio.timeout(20):
        while scheduler._fleet.untouched_memory:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)


async def test_a_model_is_loaded_and_streams(scheduler: Scheduler, smollm2_spec: ModelSpec) -> None:
    async with scheduler.acquire(smollm2_spec, None) as lease:
        text, finished = await answer(lease, request())
    assert text
    assert finished.usage.completion_tokens == 12
    (model,) = scheduler.loaded()
    assert (model.context_length, model.state) == (512, "ready")


async def test_twenty_requests_at_once_get_the_answer_of_one(
    scheduler: Scheduler, smollm2_spec: ModelSpec
) -> None:
    async def one() -> int:
        async with scheduler.acquire(smollm2_spec, None) as lease:
            _, finished = await answer(lease, request())
            return finished.usage.completion_tokens

    assert await asyncio.gather(*(one() for _ in range(20))) == [12] * 20


async def test_a_killed_runner_is_replaced(scheduler: Scheduler, smollm2_spec: ModelSpec) -> None:
    async with scheduler.acquire(smollm2_spec, None) as lease:
        stream = lease.generate(request(length=400))
        async with aclosing(stream):
            await anext(stream)
            (child,) = psutil.Process().children()
            child.send_signal(signal.SIGKILL)
            with pytest.raises(RunnerCrashed, match="signal: killed"):
                async for _ in stream:
                    pass
    async with scheduler.acquire(smollm2_spec, None) as lease:
        assert (await answer(lease, request()))[0]


async def test_an_abandoned_answer_ends_in_the_runner(
    scheduler: Scheduler, smollm2_spec: ModelSpec
) -> None:
    async with scheduler.acquire(smollm2_spec, None) as lease:
        async with aclosing(lease.generate(request(length=100_000))) as stream:
            await anext(stream)
        async with asyncio.timeout(20):
            assert (await answer(lease, request()))[0]


async def test_unloading_returns_the_memory(scheduler: Scheduler, smollm2_spec: ModelSpec) -> None:
    async with scheduler.acquire(smollm2_spec, None):
        await settled(scheduler)
        assert resident_memory() > smollm2_spec.load.cells * 20_000  # type: ignore[operator]
    async with asyncio.timeout(4):
        await scheduler.unload(smollm2_spec.key, wait=True)
    assert psutil.Process().children() == []


async def test_the_estimate_is_close_to_what_the_runner_takes(
    scheduler: Scheduler, smollm2_spec: ModelSpec
) -> None:
    async with scheduler.acquire(smollm2_spec, None) as lease:
        await answer(lease, request("word " * 400, length=2))
        await settled(scheduler)
        assert resident_memory() == pytest.approx(smollm2_spec.estimate, rel=0.15)


@pytest.mark.parametrize("length", [128, 512])
async def test_the_estimate_is_close_to_what_vectors_take(
    scheduler: Scheduler, minilm: Path, length: int
) -> None:
    spec = spec_of(minilm, scheduler, embedding=True, context_length=length)
    async with scheduler.acquire(spec, None) as lease:
        await lease.embed(Embed(0, ("word " * length,) * 8))
        assert resident_memory() == pytest.approx(spec.estimate, rel=0.1)


async def test_two_models_answer_side_by_side(
    scheduler: Scheduler, smollm2_spec: ModelSpec, minilm: Path
) -> None:
    embedder = spec_of(minilm, scheduler, embedding=True)
    async with (
        scheduler.acquire(smollm2_spec, None) as one,
        scheduler.acquire(embedder, None) as two,
    ):
        (text, _), vectors = await asyncio.gather(
            answer(one, request()), two.embed(Embed(0, ("a", "b")))
        )
    assert text
    assert (vectors.width, len(vectors.counts)) == (384, 2)


async def test_a_file_that_is_no_model_is_a_load_error(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + bytes(100))
    bad = ModelSpec("bad", "bad", LoadOptions(paths=(str(path),)))
    with pytest.raises(ModelLoadError):
        async with scheduler.acquire(bad, None):
            pass
    assert scheduler.loaded() == []
