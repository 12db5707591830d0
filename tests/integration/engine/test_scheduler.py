from __future__ import annotations

from puna.runner.protocol import Detokenize, Embed, Raw, Render, Rerank, Tokenize

from .conftest import SchedulerFactory, ask, spec


async def test_a_request_loads_the_model_and_is_answered(make_scheduler: SchedulerFactory) -> None:
    assert await ask(make_scheduler(), spec()) == "Hello there."


async def test_a_second_request_uses_the_same_runner(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    async with scheduler.acquire(spec(), None) as one, scheduler.acquire(spec(), None) as two:
        assert one.instance.runner is two.instance.runner


async def test_all_kinds_of_requests_are_answered(make_scheduler: SchedulerFactory) -> None:
    async with make_scheduler().acquire(spec(), None) as lease:
        assert (await lease.embed(Embed(0, ("ab", "c")))).counts == (2, 1)
        assert (await lease.tokenize(Tokenize(0, Raw("ab")))).tokens == (97, 98)
        assert (await lease.detokenize(Detokenize(0, (97, 98)))).text == "ab"
        assert (await lease.render(Render(0, Raw("ab")))).text == "ab"
        assert (await lease.rerank(Rerank(0, "a b", ("b c", "d")))).scores == (1.0, 0.0)


async def test_unload_ends_an_idle_model(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec())
    assert await scheduler.unload("m:latest", wait=True)
    assert scheduler.loaded() == []
