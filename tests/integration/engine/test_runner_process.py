from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from puna.engine.child import Child
from puna.engine.exchange import Exchange
from puna.engine.runner_process import RunnerProcess
from puna.errors import (
    ContextExceeded,
    ModelLoadError,
    OutOfMemory,
    PunaError,
    RunnerCrashed,
    RunnerError,
    ShuttingDown,
)
from puna.runner.protocol import Delta, Finished, LoadOptions, Progress

from .conftest import command, prompt, until

Starter = Callable[..., Awaitable[RunnerProcess]]


@pytest.fixture
async def start() -> AsyncIterator[Starter]:
    """``start(script)``: a runner; with ``load=True`` one that has its model."""
    started: list[RunnerProcess] = []

    async def start(script: dict[str, Any], *, load: bool = True, **times: float) -> RunnerProcess:
        runner = await RunnerProcess.spawn(
            command(script),
            dict(os.environ),
            name="m",
            start_timeout=times.get("start_timeout", 20),
            hang_timeout=times.get("hang_timeout", 20),
        )
        started.append(runner)
        if load:
            await open_model(runner)
        return runner

    yield start
    for runner in started:
        await runner.destroy()


async def open_model(runner: RunnerProcess, *, stall: float = 20) -> list[float]:
    progress: list[float] = []
    await runner.load(LoadOptions(paths=("/m.gguf",)), stall=stall, on_progress=progress.append)
    return progress


async def all_of(exchange: Exchange) -> list[object]:
    answers: list[object] = [await exchange.next()]
    while not isinstance(answers[-1], Finished):
        answers.append(await exchange.next())
    return answers


def rule(*steps: dict[str, Any], match: str = "") -> dict[str, Any]:
    return {"rules": [{"match": match, "steps": list(steps)}]}


# -- start and load --------------------------------------------------------------


async def test_a_runner_says_what_devices_there_are(start: Starter) -> None:
    devices = [{"name": "GPU", "kind": "gpu", "total": 8, "free": 4}]
    runner = await start({"devices": devices}, load=False)
    assert [one.free for one in runner.hello.devices] == [4]


async def test_a_program_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(RunnerError, match="cannot start the model runner: No such file"):
        await RunnerProcess.spawn(
            ["/does/not/exist"], {}, name="m", start_timeout=5, hang_timeout=5
        )


async def test_a_program_that_ends_at_once_is_an_error(start: Starter) -> None:
    with pytest.raises(ModelLoadError, match="terminated: exit status 3"):
        await start({"hello": [{"exit": 3}]})


async def test_a_program_that_never_says_hello_is_ended(start: Starter) -> None:
    with pytest.raises(ModelLoadError, match="timed out"):
        await start({"hello": [{"never": True}]}, start_timeout=0.2)


async def test_load_progress_is_reported(start: Starter) -> None:
    runner = await start({"load": [{"progress": 0.25}, {"progress": 1}]}, load=False)
    assert await open_model(runner) == [0.25, 1.0]


@pytest.mark.parametrize(
    ("step", "kind", "text"),
    [
        ({"fail": "file", "text": "bad magic"}, ModelLoadError, "bad magic"),
        ({"fail": "memory", "text": "too big"}, OutOfMemory, "too big"),
        ({"exit": 2}, ModelLoadError, "model runner process has terminated: exit status 2"),
        ({"crash": signal.SIGABRT}, ModelLoadError, "terminated: signal: aborted"),
        ({"crash": signal.SIGKILL}, OutOfMemory, "terminated: signal: killed"),
    ],
)
async def test_a_load_that_fails_says_why(
    start: Starter, step: dict[str, Any], kind: type[PunaError], text: str
) -> None:
    runner = await start({"load": [step]}, load=False)
    with pytest.raises(kind, match=text):
        await open_model(runner)


async def test_a_failed_assertion_is_the_reason_of_a_failed_load(start: Starter) -> None:
    steps = [{"stderr": "/src/x.c:1: GGML_ASSERT(n > 0) failed"}, {"crash": signal.SIGABRT}]
    runner = await start({"load": steps}, load=False)
    with pytest.raises(ModelLoadError, match=r"terminated: GGML_ASSERT\(n > 0\) failed"):
        await open_model(runner)


async def test_a_load_without_progress_is_given_up(start: Starter) -> None:
    runner = await start({"load": [{"progress": 0.5}, {"never": True}]}, load=False)
    with pytest.raises(ModelLoadError, match="timed out waiting for the model runner"):
        await open_model(runner, stall=0.2)


# -- requests ----------------------------------------------------------------------


@pytest.mark.skipif(
    sys.platform != "linux" or psutil.cpu_count() == 1, reason="needs two CPUs of Linux"
)
async def test_the_loop_keeps_off_the_core_of_a_runner_while_it_answers(
    start: Starter, tmp_path: Path
) -> None:
    allowed = os.sched_getaffinity(0)
    core = min(allowed)
    go_on = tmp_path / "go"
    steps = rule({"text": "a"}, {"wait": str(go_on)})
    runner = await start({"loaded": {"writer_cpus": [core]}, **steps})
    assert os.sched_getaffinity(0) == allowed
    exchange = runner.open(prompt("x"))
    assert isinstance(await exchange.next(), Delta)
    assert os.sched_getaffinity(0) == allowed - {core}
    other = await start({}, load=False)
    assert os.sched_getaffinity(other.pid) == allowed
    go_on.touch()
    await all_of(exchange)
    assert os.sched_getaffinity(0) == allowed


@pytest.mark.skipif(
    sys.platform != "linux" or psutil.cpu_count() == 1, reason="needs two CPUs of Linux"
)
async def test_the_loop_may_use_all_cores_again_when_a_runner_dies(start: Starter) -> None:
    allowed = os.sched_getaffinity(0)
    loaded = {"writer_cpus": [min(allowed)]}
    runner = await start({"loaded": loaded, **rule({"text": "a"}, {"crash": signal.SIGKILL})})
    exchange = runner.open(prompt("x"))
    with pytest.raises(RunnerCrashed):
        await all_of(exchange)
    assert os.sched_getaffinity(0) == allowed


async def test_requests_of_one_moment_reach_the_runner_in_one_piece(
    start: Starter, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = await start(rule({"text": "a"}))
    written: list[bytes] = []
    write = Child.write

    def note(child: Child, data: bytes) -> None:
        written.append(data)
        write(child, data)

    monkeypatch.setattr(Child, "write", note)

    async def ask(text: str) -> list[object]:
        return await all_of(runner.open(prompt(text)))

    answers = await asyncio.gather(*(ask(f"question {number}") for number in range(5)))
    assert len(written) == 1
    assert [type(found[-1]) for found in answers] == [Finished] * 5


async def test_answers_come_in_order(start: Starter) -> None:
    steps = [{"progress": [1, 2]}, {"text": "a"}, {"text": "b"}, {"finish": "length"}]
    runner = await start(rule(*steps))
    answers = await all_of(runner.open(prompt("x")))
    assert [type(one) for one in answers] == [Progress, Delta, Delta, Finished]


async def test_requests_do_not_mix(start: Starter) -> None:
    rules = [{"match": f"<{n}>", "steps": [{"repeat": 20, "text": str(n)}]} for n in range(8)]
    runner = await start({"rules": rules})
    exchanges = [runner.open(prompt(f"<{n}>")) for n in range(8)]
    for number, exchange in enumerate(exchanges):
        answers = await all_of(exchange)
        assert "".join(one.text for one in answers if isinstance(one, Delta)) == f"{number}" * 20


async def test_a_failed_request_harms_no_other(start: Starter) -> None:
    detail = {"prompt_tokens": 9, "context_length": 4}
    step = {"fail": "context", "text": "too long", "detail": detail}
    runner = await start(rule(step, match="bad"))
    with pytest.raises(ContextExceeded, match="too long") as caught:
        await runner.open(prompt("bad")).next()
    assert (caught.value.prompt_tokens, caught.value.context_length) == (9, 4)
    assert await all_of(runner.open(prompt("good")))


async def test_closing_a_request_aborts_it(start: Starter, tmp_path: Path) -> None:
    log = tmp_path / "log"
    runner = await start(rule({"text": "a"}, {"never": True}) | {"log": str(log)})
    exchange = runner.open(prompt("x"))
    await exchange.next()
    await exchange.close()
    assert log.read_text().split() == ["load", "/m.gguf", "generate", "abort"]


async def test_closing_a_request_of_a_stopped_runner_does_not_wait_long(start: Starter) -> None:
    runner = await start(rule({"stop": True}))
    exchange = runner.open(prompt("x"))
    process = psutil.Process(runner.pid)
    await until(lambda: process.status() == psutil.STATUS_STOPPED)
    async with asyncio.timeout(2):
        await exchange.close()


async def test_a_flood_of_reports_does_not_block_a_large_request(start: Starter) -> None:
    """Both pipes are full at the same time, and nobody reads the answers yet."""
    runner = await start(rule({"repeat": 20_000, "text": "x" * 50}, match="flood"))
    flood = runner.open(prompt("flood"))
    large = runner.open(prompt("y" * 20_000_000))
    async with asyncio.timeout(60):
        await all_of(large)
        assert len(await all_of(flood)) == 20_001


# -- death ---------------------------------------------------------------------------


async def test_a_crash_fails_open_requests_with_code_and_log(start: Starter) -> None:
    runner = await start(rule({"stderr": "last words"}, {"crash": signal.SIGSEGV}))
    with pytest.raises(RunnerCrashed, match="model runner has unexpectedly stopped") as caught:
        await runner.open(prompt("x")).next()
    assert caught.value.returncode == -signal.SIGSEGV
    assert caught.value.log_tail == "last words"
    assert "signal: segmentation fault" in str(caught.value)


async def test_a_crash_in_the_middle_of_an_answer_says_so(start: Starter) -> None:
    runner = await start(rule({"text": "a"}, {"exit": 1}))
    exchange = runner.open(prompt("x"))
    await exchange.next()
    with pytest.raises(RunnerCrashed, match="error was encountered while running the model"):
        await exchange.next()


async def test_a_request_to_a_dead_runner_fails(start: Starter) -> None:
    runner = await start({})
    os.kill(runner.pid, signal.SIGKILL)
    await until(lambda: runner.is_ended)
    with pytest.raises(RunnerCrashed):
        runner.open(prompt("x"))


async def test_the_end_is_told_once(start: Starter) -> None:
    runner = await start({})
    ends: list[int] = []
    runner.on_end = lambda: ends.append(1)
    await runner.stop(grace=5)
    await runner.destroy()
    assert ends == [1]


async def test_a_stopped_process_counts_as_hung_and_is_ended(start: Starter) -> None:
    runner = await start(rule({"text": "a"}, {"stop": True}), hang_timeout=0.5)
    exchange = runner.open(prompt("x"))
    await exchange.next()
    with pytest.raises(RunnerCrashed, match="does not respond"):
        await exchange.next()


async def test_a_silent_runner_that_computes_is_left_alone(start: Starter) -> None:
    runner = await start(rule({"spin": 1.5}, {"text": "a"}), hang_timeout=0.5)
    assert len(await all_of(runner.open(prompt("x")))) == 2


async def test_a_hung_runner_is_found_though_its_client_left(start: Starter) -> None:
    runner = await start(rule({"stop": True}), hang_timeout=1.0)
    exchange = runner.open(prompt("x"))
    process = psutil.Process(runner.pid)
    await until(lambda: process.status() == psutil.STATUS_STOPPED)
    await exchange.close()
    await until(lambda: runner.is_ended)


async def test_bytes_that_are_no_frame_end_the_runner(start: Starter) -> None:
    runner = await start(rule({"garbage": True}, {"never": True}))
    with pytest.raises(RunnerCrashed, match="broken frame"):
        await runner.open(prompt("x")).next()


async def test_only_bystanders_of_a_grammar_may_try_again(start: Starter) -> None:
    rules = [
        {"match": "boom", "steps": [{"crash": signal.SIGSEGV}]},
        {"match": "begun", "steps": [{"text": "a"}, {"never": True}]},
        {"match": "", "steps": [{"never": True}]},
    ]
    runner = await start({"rules": rules})
    waiting, begun = runner.open(prompt("waiting")), runner.open(prompt("begun"))
    await begun.next()
    constrained = runner.open(prompt("boom", constrained=True))
    await until(lambda: runner.is_ended)
    assert [one.may_retry for one in (waiting, begun, constrained)] == [True, False, False]


async def test_a_request_that_came_when_the_runner_was_dying_may_try_again(start: Starter) -> None:
    runner = await start({})
    os.kill(runner.pid, signal.SIGKILL)
    exchange = runner.open(prompt("x"))
    with pytest.raises(RunnerCrashed):
        await exchange.next()
    assert exchange.may_retry


# -- stop ------------------------------------------------------------------------------


async def test_a_stop_fails_open_requests_and_ends_the_process(start: Starter) -> None:
    runner = await start(rule({"never": True}))
    exchange = runner.open(prompt("x"))
    await runner.stop(grace=5)
    with pytest.raises(ShuttingDown):
        await exchange.next()


async def test_a_runner_may_write_its_state_before_it_stops(start: Starter, tmp_path: Path) -> None:
    log = tmp_path / "log"
    runner = await start({"log": str(log)})
    await runner.stop(grace=5, trim=True)
    assert log.read_text().split("\n")[-2] == "trim"


@pytest.mark.parametrize("step", [{"never": True}, {"stop": True}])
async def test_a_runner_that_does_not_stop_is_killed(
    start: Starter, step: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puna.engine.child._TERMINATE_PATIENCE", 0.2)
    runner = await start({"exit": [step]})
    async with asyncio.timeout(5):
        await runner.stop(grace=0.2)
    assert runner.is_ended


async def test_a_runner_is_not_in_our_session(start: Starter) -> None:
    """So that Ctrl+C in a terminal ends the server in order, not its runners first."""
    runner = await start({})
    assert os.getsid(runner.pid) == runner.pid
