from __future__ import annotations

import asyncio
import dataclasses
import math
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from puna.engine.config import EngineConfig, ModelSpec
from puna.engine.scheduler import Scheduler
from puna.errors import (
    ModelLoadError,
    OutOfMemory,
    QueueFull,
    RunnerCrashed,
    RunnerError,
    ShuttingDown,
)
from puna.runner.protocol import (
    Adapter,
    Delta,
    Detokenize,
    Embed,
    LoadOptions,
    Raw,
    Render,
    Rerank,
    Tokenize,
)

from .conftest import SchedulerFactory, ask, command, prompt, spec, text_of, until


def rule(*steps: dict[str, Any], match: str = "") -> dict[str, Any]:
    return {"match": match, "steps": list(steps)}


def names(scheduler: Scheduler) -> list[str]:
    return sorted(one.name for one in scheduler.loaded())


def pid_of(scheduler: Scheduler) -> int:
    (instance,) = scheduler._fleet
    assert instance.runner is not None
    return instance.runner.pid


async def gone(scheduler: Scheduler) -> None:
    await until(lambda: not scheduler.loaded())


# -- requests -----------------------------------------------------------------------


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


async def test_names_with_the_same_weights_share_a_runner(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec("m"))
    twin = spec("m")
    async with scheduler.acquire(type(twin)(twin.key, "twin:latest", twin.load), None):
        (model,) = scheduler.loaded()
        assert (model.name, model.names) == ("m:latest", ("m:latest", "twin:latest"))


async def test_models_that_differ_in_adapters_share_a_runner(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    scheduler = make_scheduler({"log": str(log)})
    plain, adapted = spec(), replace(spec(), name="lora:latest", adapters=(Adapter("/a.gguf"),))
    async with scheduler.acquire(plain, None) as one, scheduler.acquire(adapted, None) as two:
        assert one.instance is two.instance
        before = one.loaded.memory
        assert one.instance.memory > before
        assert await text_of(two, prompt("hi")) == "Hello there."
    await ask(scheduler, adapted)
    assert log.read_text().split() == ["load", "/m.gguf", "adapt", "generate", "generate"]


async def test_a_bad_adapter_fails_those_who_want_it_only(make_scheduler: SchedulerFactory) -> None:
    refused = rule({"fail": "load", "text": "the adapter cannot be loaded"}, match="/bad.gguf")
    scheduler = make_scheduler({"rules": [refused]})
    bad = replace(spec(), adapters=(Adapter("/bad.gguf"),))
    async with scheduler.acquire(spec(), None) as lease:
        with pytest.raises(ModelLoadError, match="the adapter cannot be loaded"):
            await ask(scheduler, bad)
        assert await text_of(lease, prompt("hi")) == "Hello there."
    assert names(scheduler) == ["m:latest"]


async def test_a_runner_that_an_adapter_kills_is_started_again_for_others(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    began = tmp_path / "began"
    rules = [
        rule({"crash": signal.SIGABRT}, match="/bad.gguf"),
        rule({"once": str(began), "steps": [{"never": True}]}, {"text": "again"}, match="wait"),
    ]
    scheduler = make_scheduler({"rules": rules})
    other = asyncio.create_task(ask(scheduler, spec(), "wait"))
    await until(began.exists)
    with pytest.raises(RunnerCrashed):
        await ask(scheduler, replace(spec(), adapters=(Adapter("/bad.gguf"),)))
    assert await other == "again"


async def test_waiting_for_the_load_is_reported(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler({"load": [{"sleep": 0.05}]})
    async with scheduler.acquire(spec(), None) as first:
        assert first.load_ns > 50_000_000
    async with scheduler.acquire(spec(), None) as second:
        assert second.load_ns < first.load_ns


async def test_64_requests_for_three_models_are_all_answered(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler(max_loaded=2)
    answers = await asyncio.gather(*(ask(scheduler, spec("abc"[n % 3])) for n in range(64)))
    assert answers == ["Hello there."] * 64


async def test_a_larger_window_serves_a_smaller_request(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec(context_length=4096, auto=False))
    before = pid_of(scheduler)
    await ask(scheduler, spec(context_length=2048, auto=False))
    assert pid_of(scheduler) == before


async def test_a_smaller_window_is_reloaded_after_its_requests(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    scheduler = make_scheduler({"rules": [rule({"text": "a"}, {"wait": str(go)}, match="slow")]})
    running = asyncio.create_task(ask(scheduler, spec(context_length=512, auto=False), "slow"))
    await until(lambda: scheduler.loaded() != [] and scheduler.loaded()[0].active == 1)
    larger = asyncio.create_task(ask(scheduler, spec(context_length=2048, auto=False)))
    await asyncio.sleep(0)
    assert not larger.done()
    go.touch()
    assert (await running, await larger) == ("a", "Hello there.")
    assert scheduler.loaded()[0].context_length == 2048


# -- keep-alive -------------------------------------------------------------------------


async def test_a_model_is_unloaded_when_its_keep_alive_ends(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec(), keep_alive=0.05)
    assert names(scheduler) == ["m:latest"]
    await gone(scheduler)


async def test_keep_alive_zero_unloads_right_after_the_answer(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler()
    async with scheduler.acquire(spec(), 0.0) as lease:
        assert await text_of(lease, prompt("x"))
        assert scheduler.loaded()[0].state == "ready"
    assert scheduler.loaded()[0].state == "stopping"
    await gone(scheduler)


async def test_a_request_knows_how_many_are_served_before_it(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler()
    async with AsyncExitStack() as leases:
        waited = [
            (await leases.enter_async_context(scheduler.acquire(spec(parallel=2), None))).ahead
            for _ in range(4)
        ]
        assert waited == [0, 0, 1, 2]
        assert scheduler.waiting == 2
    assert scheduler.waiting == 0


async def test_the_default_keep_alive_applies_to_those_who_say_nothing(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler(keep_alive=0.0)
    await ask(scheduler, spec())
    await gone(scheduler)


@pytest.mark.parametrize(
    ("of_model", "first", "second", "seconds"),
    [
        (None, None, None, 300),
        (None, 1200.0, None, 1200),
        (None, 1200.0, 2400.0, 2400),
        (None, 1200.0, 60.0, 60),
        (None, 90.5, None, 90.5),
        (600.0, None, None, 600),
        (600.0, 1200.0, None, 1200),
        (600.0, None, 1200.0, 1200),
    ],
)
async def test_the_last_keep_alive_that_was_said_counts(
    make_scheduler: SchedulerFactory,
    of_model: float | None,
    first: float | None,
    second: float | None,
    seconds: float,
) -> None:
    scheduler = make_scheduler()
    for keep_alive in (first, second):
        await ask(scheduler, replace(spec(), keep_alive=of_model), keep_alive=keep_alive)
    left = scheduler.loaded()[0].expires_at - datetime.now(UTC)
    assert left == pytest.approx(timedelta(seconds=seconds), abs=timedelta(seconds=1))


@pytest.mark.parametrize("keep_alive", [-1.0, math.inf, 1e10])
async def test_for_ever_is_shown_as_292_years(
    make_scheduler: SchedulerFactory, keep_alive: float
) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec(), keep_alive=keep_alive)
    years = (scheduler.loaded()[0].expires_at - datetime.now(UTC)).days // 365
    assert years == 292


async def test_the_keep_alive_of_a_busy_model_has_not_begun(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler()
    async with scheduler.acquire(spec(), 0.01):
        await asyncio.sleep(0.05)
        assert scheduler.loaded()[0].state == "ready"


async def test_a_new_default_applies_to_loaded_models(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec())
    scheduler.configure(EngineConfig(keep_alive=0.0, keep_spare=False))
    await gone(scheduler)


# -- unload -----------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["key-m", "m:latest"])
async def test_unload_ends_an_idle_model(make_scheduler: SchedulerFactory, by: str) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec())
    assert await scheduler.unload(by, wait=True)
    assert scheduler.loaded() == []


async def test_unload_waits_for_running_requests(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    async with scheduler.acquire(spec(), None) as lease:
        assert await scheduler.unload("m:latest")
        assert await text_of(lease, prompt("x")) == "Hello there."
    await gone(scheduler)


async def test_unload_of_an_unknown_model_does_nothing(make_scheduler: SchedulerFactory) -> None:
    assert not await make_scheduler().unload("nope", wait=True)


async def test_conversations_are_saved_at_an_unload(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    scheduler = make_scheduler({"log": str(log)})
    await ask(scheduler, spec())
    await scheduler.unload("m:latest", wait=True)
    assert log.read_text().split("\n")[-2] == "trim"


# -- room ---------------------------------------------------------------------------------


async def test_one_model_makes_room_for_another(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler(max_loaded=1)
    await ask(scheduler, spec("a"), keep_alive=-1.0)
    await ask(scheduler, spec("b"))
    assert names(scheduler) == ["b:latest"]


async def test_the_model_with_the_least_time_left_makes_room(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler(max_loaded=2)
    await ask(scheduler, spec("a"), keep_alive=500.0)
    await ask(scheduler, spec("b"), keep_alive=100.0)
    await ask(scheduler, spec("c"))
    assert names(scheduler) == ["a:latest", "c:latest"]


async def test_a_busy_model_finishes_before_it_makes_room(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    slow = rule({"text": "a"}, {"wait": str(go)}, {"text": "b"}, match="slow")
    scheduler = make_scheduler({"rules": [slow]}, max_loaded=1)
    running = asyncio.create_task(ask(scheduler, spec("a"), "slow"))
    await until(lambda: scheduler.loaded() != [] and scheduler.loaded()[0].active == 1)
    other = asyncio.create_task(ask(scheduler, spec("b")))
    await asyncio.sleep(0.05)
    assert names(scheduler) == ["a:latest"]
    go.touch()
    assert (await running, await other) == ("ab", "Hello there.")


async def test_a_request_for_a_loaded_model_passes_a_load(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    models = {"slow.gguf": {"load": [{"progress": 0.5}, {"wait": str(go)}]}}
    scheduler = make_scheduler({"models": models})
    await ask(scheduler, spec("fast"))
    loading = asyncio.create_task(ask(scheduler, spec("slow")))
    await until(lambda: any(one.progress == 0.5 for one in scheduler.loaded()))
    assert await ask(scheduler, spec("fast")) == "Hello there."
    slow = next(one for one in scheduler.loaded() if one.name == "slow:latest")
    assert (slow.state, slow.memory, slow.loaded) == ("loading", 1, None)
    go.touch()
    assert await loading == "Hello there."


async def test_a_model_that_can_never_fit_is_refused(make_scheduler: SchedulerFactory) -> None:
    asked = dataclasses.replace(spec(estimate=1 << 60), largest_context=8192)
    with pytest.raises(OutOfMemory, match=r"requires more system memory.*8192 would fit"):
        await ask(make_scheduler(), asked)


async def test_memory_that_a_model_has_yet_to_take_is_not_free_for_others(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go, promised = tmp_path / "go", 1 << 50
    loaded = {"memory": promised, "memory_untouched": promised}
    scheduler = make_scheduler({"loaded": loaded, "settled": [{"wait": str(go)}]})
    await ask(scheduler, spec("a"))
    assert scheduler.free_memory() == 0
    go.touch()
    await until(lambda: scheduler.free_memory() > 0)


async def test_a_model_that_has_its_memory_at_once_holds_up_nobody(
    make_scheduler: SchedulerFactory,
) -> None:
    loaded = {"memory": 1 << 50, "memory_untouched": 1 << 50}
    scheduler = make_scheduler({"loaded": loaded, "settled": []})
    await ask(scheduler, spec("a"))
    await until(lambda: scheduler.free_memory() > 0)


async def test_others_are_unloaded_when_memory_runs_out_at_load(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    once = {"once": str(tmp_path / "tried"), "steps": [{"fail": "memory"}]}
    scheduler = make_scheduler({"models": {"b.gguf": {"load": [once]}}})
    await ask(scheduler, spec("a"))
    assert await ask(scheduler, spec("b")) == "Hello there."
    assert names(scheduler) == ["b:latest"]


@pytest.mark.parametrize(
    ("step", "left"),
    [({"fail": "memory"}, ["b:latest"]), ({"crash": signal.SIGKILL}, [])],
    ids=["the runner says so", "the system ends the runner"],
)
async def test_idle_models_go_when_memory_runs_out_while_one_works(
    make_scheduler: SchedulerFactory, step: dict[str, Any], left: list[str]
) -> None:
    scheduler = make_scheduler({"models": {"b.gguf": {"rules": [rule({"text": "x"}, step)]}}})
    await ask(scheduler, spec("a"))
    with pytest.raises(RunnerError):
        await ask(scheduler, spec("b"))
    await until(lambda: names(scheduler) == left)


async def test_a_load_failure_names_no_folder(make_scheduler: SchedulerFactory) -> None:
    text = "cannot open '/home/me/secret place/m.gguf' or m.gguf"
    scheduler = make_scheduler({"load": [{"fail": "file", "text": text}]})
    with pytest.raises(ModelLoadError) as caught:
        await ask(scheduler, spec())
    assert "/home" not in str(caught.value)
    assert "m.gguf" in str(caught.value)


async def test_an_automatic_window_shrinks_when_memory_runs_out(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler({"fits": 5000})
    await ask(scheduler, spec(context_length=8192))
    assert scheduler.loaded()[0].context_length == 4096
    before = pid_of(scheduler)
    await ask(scheduler, spec(context_length=8192))
    assert pid_of(scheduler) == before


async def test_an_asked_window_that_does_not_fit_is_an_error(
    make_scheduler: SchedulerFactory,
) -> None:
    with pytest.raises(OutOfMemory, match="out of memory"):
        await ask(make_scheduler({"fits": 5000}), spec(context_length=8192, auto=False))


# -- queue ----------------------------------------------------------------------------------


async def test_more_waiting_requests_than_allowed_are_refused(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler(max_queue=1)
    answers = await asyncio.gather(
        *(ask(scheduler, spec(name)) for name in "abcabc"), return_exceptions=True
    )
    assert [type(one) for one in answers] == [str, str, QueueFull, QueueFull, QueueFull, QueueFull]


async def test_requests_for_a_loaded_model_do_not_count_as_waiting(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler(max_queue=0)
    await ask(scheduler, spec())
    answers = await asyncio.gather(*(ask(scheduler, spec()) for _ in range(10)))
    assert answers == ["Hello there."] * 10


# -- leaving ----------------------------------------------------------------------------------


async def test_a_load_that_nobody_waits_for_any_more_is_aborted(
    make_scheduler: SchedulerFactory,
) -> None:
    script = {"load": [{"progress": 0.5}, {"never": True}]}
    scheduler = make_scheduler(script, abandon_after=0.05)
    waiters = [asyncio.create_task(ask(scheduler, spec())) for _ in range(2)]
    await until(lambda: scheduler.loaded() != [] and scheduler.loaded()[0].progress == 0.5)
    waiters[0].cancel()
    await asyncio.wait(waiters[:1])
    assert scheduler.loaded()[0].state == "loading"
    waiters[1].cancel()
    await gone(scheduler)


async def test_an_abandoned_load_serves_the_next_request(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go, log = tmp_path / "go", tmp_path / "log"
    load = [{"progress": 0.5}, {"wait": str(go)}]
    scheduler = make_scheduler({"log": str(log), "load": load}, abandon_after=20)
    waiter = asyncio.create_task(ask(scheduler, spec()))
    await until(lambda: scheduler.loaded() != [] and scheduler.loaded()[0].progress == 0.5)
    waiter.cancel()
    await asyncio.wait([waiter])
    again = asyncio.create_task(ask(scheduler, spec()))
    go.touch()
    assert await again == "Hello there."
    assert log.read_text().count("load") == 1


async def test_an_abandoned_load_gives_way_to_another_model(
    make_scheduler: SchedulerFactory,
) -> None:
    stuck = {"a.gguf": {"load": [{"progress": 0.5}, {"never": True}]}}
    scheduler = make_scheduler({"models": stuck}, abandon_after=20)
    waiter = asyncio.create_task(ask(scheduler, spec("a")))
    await until(lambda: scheduler.loaded() != [] and scheduler.loaded()[0].progress == 0.5)
    waiter.cancel()
    await asyncio.wait([waiter])
    assert await ask(scheduler, spec("b")) == "Hello there."


async def test_a_request_may_leave_before_its_load_has_begun(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler(abandon_after=0.0)
    waiter = asyncio.create_task(ask(scheduler, spec()))
    await asyncio.sleep(0)
    waiter.cancel()
    await gone(scheduler)
    assert await ask(scheduler, spec()) == "Hello there."


async def test_a_request_may_leave_the_queue(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    scheduler = make_scheduler({"load": [{"wait": str(go)}]})
    first, second, third = (asyncio.create_task(ask(scheduler, spec(n))) for n in "abc")
    await until(lambda: scheduler.loaded() != [])
    second.cancel()
    go.touch()
    assert (await first, await third) == ("Hello there.", "Hello there.")
    assert names(scheduler) == ["a:latest", "c:latest"]


async def test_cancelling_a_stream_aborts_it_in_the_runner(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    scheduler = make_scheduler({"log": str(log), "rules": [rule({"text": "a"}, {"never": True})]})
    task = asyncio.create_task(ask(scheduler, spec()))
    await until(lambda: log.exists() and "generate" in log.read_text())
    task.cancel()
    await asyncio.wait([task])
    assert "abort" in log.read_text()
    assert scheduler.loaded()[0].active == 0


@pytest.mark.parametrize("turns", range(12))
async def test_leaving_at_any_moment_leaves_no_request_behind(
    make_scheduler: SchedulerFactory, turns: int
) -> None:
    scheduler = make_scheduler()
    async with scheduler.acquire(spec(), None):
        task = asyncio.create_task(ask(scheduler, spec()))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert scheduler.loaded()[0].active == 1
    assert scheduler.loaded()[0].active == 0


# -- crashes ----------------------------------------------------------------------------------


async def test_a_runner_that_dies_idle_is_forgotten(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec())
    os.kill(pid_of(scheduler), signal.SIGKILL)
    await gone(scheduler)
    assert await ask(scheduler, spec()) == "Hello there."


async def test_a_request_right_after_the_death_is_served(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec())
    os.kill(pid_of(scheduler), signal.SIGKILL)
    assert await ask(scheduler, spec()) == "Hello there."


async def test_a_lease_outlives_the_death_of_its_idle_runner(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler()
    async with scheduler.acquire(spec(), None) as lease:
        os.kill(pid_of(scheduler), signal.SIGKILL)
        await gone(scheduler)
        assert await text_of(lease, prompt("x")) == "Hello there."
    assert scheduler.loaded()[0].active == 0


async def test_a_crash_ends_the_streams_of_its_runner_only(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    steps: list[dict[str, Any]] = [{"text": "a"}, {"wait": str(go)}]
    models = {
        "bad.gguf": {"rules": [rule(*steps, {"crash": signal.SIGABRT})]},
        "good.gguf": {"rules": [rule(*steps)]},
    }
    scheduler = make_scheduler({"models": models})
    asked = [ask(scheduler, spec(name)) for name in ("bad", "bad", "good", "good")]
    tasks = [asyncio.create_task(one) for one in asked]
    await until(lambda: sum(one.active for one in scheduler.loaded()) == 4)
    go.touch()
    answers = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(one) for one in answers] == [RunnerCrashed, RunnerCrashed, str, str]


async def test_five_crashes_in_a_row_leave_a_working_scheduler(
    make_scheduler: SchedulerFactory,
) -> None:
    crash = rule({"text": "a"}, {"crash": signal.SIGSEGV}, match="crash")
    scheduler = make_scheduler({"rules": [crash]})
    for _ in range(5):
        with pytest.raises(RunnerCrashed, match="segmentation fault"):
            await ask(scheduler, spec(), "crash")
    assert await ask(scheduler, spec()) == "Hello there."


async def test_a_bystander_of_a_deadly_grammar_is_answered_by_a_new_runner(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    crash = rule({"wait": str(go)}, {"crash": signal.SIGSEGV}, match="grammar")
    wait = {"once": str(tmp_path / "asked"), "steps": [{"never": True}]}
    scheduler = make_scheduler({"rules": [crash, rule(wait, {"text": "fine"}, match="plain")]})

    async def constrained() -> str:
        async with scheduler.acquire(spec(), None) as lease:
            return await text_of(lease, prompt("grammar", constrained=True))

    deadly = asyncio.create_task(constrained())
    plain = asyncio.create_task(ask(scheduler, spec(), "plain"))
    await until((tmp_path / "asked").exists)
    go.touch()
    with pytest.raises(RunnerCrashed):
        await deadly
    assert await plain == "fine"
    assert scheduler.loaded()[0].active == 0


async def test_a_hung_runner_is_replaced(make_scheduler: SchedulerFactory) -> None:
    hang = rule({"text": "a"}, {"stop": True}, match="hang")
    scheduler = make_scheduler({"rules": [hang]}, hang_timeout=0.5)
    with pytest.raises(RunnerCrashed, match="does not respond"):
        await ask(scheduler, spec(), "hang")
    assert await ask(scheduler, spec()) == "Hello there."


async def test_a_failed_load_fails_all_who_wait_for_it_at_once(
    make_scheduler: SchedulerFactory, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    bad = {"log": str(log), "load": [{"fail": "file", "text": "bad magic"}]}
    scheduler = make_scheduler(bad)
    answers = await asyncio.gather(
        *(ask(scheduler, spec()) for _ in range(3)), return_exceptions=True
    )
    assert [str(one) for one in answers] == ["bad magic"] * 3
    assert log.read_text().count("load") == 1
    assert scheduler.loaded() == []


async def test_a_model_that_failed_to_load_is_gone_when_its_request_fails(
    make_scheduler: SchedulerFactory,
) -> None:
    scheduler = make_scheduler({"load": [{"fail": "file"}]})
    with pytest.raises(ModelLoadError):
        async with scheduler.acquire(spec(), None):
            pass
    assert scheduler.loaded() == []


async def test_a_load_without_progress_times_out(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler({"load": [{"never": True}]}, load_timeout=0.5)
    with pytest.raises(ModelLoadError, match="timed out"):
        await ask(scheduler, spec())


async def test_a_slow_load_with_progress_does_not_time_out(
    make_scheduler: SchedulerFactory,
) -> None:
    steps = [{"sleep": 0.7}, {"progress": 0.3}, {"sleep": 0.7}, {"progress": 0.6}, {"sleep": 0.7}]
    scheduler = make_scheduler({"load": steps}, load_timeout=2.0)
    assert await ask(scheduler, spec()) == "Hello there."


# -- changes and the end -----------------------------------------------------------------------


async def test_changes_are_told(make_scheduler: SchedulerFactory) -> None:
    states: list[tuple[str, float, int]] = []

    def note() -> None:
        states.extend((one.state, one.progress, one.active) for one in scheduler.loaded())

    scheduler = make_scheduler({"load": [{"progress": 0.5}]}, note)
    await ask(scheduler, spec(), keep_alive=0.0)
    await gone(scheduler)
    assert list(dict.fromkeys(states)) == [
        ("loading", 0.0, 0),
        ("loading", 0.5, 0),
        ("ready", 1.0, 0),
        ("ready", 1.0, 1),
        ("stopping", 1.0, 0),
    ]


async def test_the_end_fails_what_waits_loads_and_streams(make_scheduler: SchedulerFactory) -> None:
    models = {
        "stream.gguf": {"rules": [rule({"text": "a"}, {"never": True})]},
        "load.gguf": {"load": [{"never": True}]},
    }
    scheduler = make_scheduler({"models": models})
    stream = asyncio.create_task(ask(scheduler, spec("stream")))
    await until(lambda: scheduler.loaded() != [] and scheduler.loaded()[0].active == 1)
    load, queue = (asyncio.create_task(ask(scheduler, spec(name))) for name in ("load", "queue"))
    await until(lambda: len(scheduler.loaded()) == 2)
    await scheduler.aclose()
    answers = await asyncio.gather(stream, load, queue, return_exceptions=True)
    assert [type(one) for one in answers] == [ShuttingDown] * 3
    with pytest.raises(ShuttingDown):
        await ask(scheduler, spec())


async def test_the_end_may_come_twice(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    await ask(scheduler, spec())
    await scheduler.aclose()
    await scheduler.aclose()
    assert scheduler.loaded() == []


async def test_a_stream_that_is_left_early_can_be_closed(make_scheduler: SchedulerFactory) -> None:
    scheduler = make_scheduler()
    async with scheduler.acquire(spec(), None) as lease:
        async with aclosing(lease.generate(prompt("x"))) as reports:
            first = await anext(reports)
        assert isinstance(first, Delta)
        assert await text_of(lease, prompt("x")) == "Hello there."


def test_a_scheduler_works_in_any_thread() -> None:
    async def work() -> None:
        scheduler = Scheduler(
            EngineConfig(keep_spare=False), environment=os.environ, runner_command=command({})
        )
        try:
            assert await ask(scheduler, spec()) == "Hello there."
        finally:
            await scheduler.aclose()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work()).result()


async def test_a_bug_while_loading_fails_the_request_and_not_the_queue(
    make_scheduler: SchedulerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    scheduler = make_scheduler()
    broken = ModelSpec("broken", "broken:latest", LoadOptions(paths=(object(),)))  # type: ignore[arg-type]
    with pytest.raises(RunnerError, match="internal error while loading"):
        await ask(scheduler, broken)
    assert "load failed" in caplog.text
    assert await ask(scheduler, spec()) == "Hello there."
