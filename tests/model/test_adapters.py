"""Requests with different adapters share one runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import numpy as np
import pytest

from puna.runner.protocol import (
    Abort,
    Adapt,
    Adapted,
    Adapter,
    Command,
    Delta,
    Embed,
    Embedded,
    Failed,
    Generate,
    Raw,
    Sampling,
    Step,
    Trim,
)

from . import lora
from .conftest import RunnerChild

pytestmark = pytest.mark.model

T = TypeVar("T")

PLAIN = "Hello there friend."
COUNT = "one two three four five"
LONG = "Hello there friend. " * 40 + "<|text|>"


@pytest.fixture(scope="module")
def counting(tiny_gguf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    """With it the model counts where it would greet."""
    folder = tmp_path_factory.mktemp("lora")
    return Adapter(str(lora.redirect(tiny_gguf, folder / "count.gguf", "<|text|>", "one")))


@pytest.fixture(scope="module")
def waving(tiny_gguf: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Adapter:
    """With it the model ends its counting differently."""
    folder = tmp_path_factory.mktemp("lora")
    return Adapter(str(lora.redirect(tiny_gguf, folder / "wave.gguf", "one", " friend")))


@pytest.fixture
def misfit(tmp_path: Path) -> Adapter:
    return Adapter(str(lora.misfit(tmp_path / "misfit.gguf")))


@pytest.fixture(scope="module")
def runner(tiny_model: Path) -> Iterator[RunnerChild]:
    child = RunnerChild()
    child.load(tiny_model, context_length=512, parallel=4)
    yield child
    child.close()


def request(request_id: int, prompt: str, *adapters: Adapter, tokens: int = 12) -> Generate:
    sampling = Sampling(temperature=0.0, num_predict=tokens)
    return Generate(request_id, Raw(prompt), sampling, adapters=adapters)


def reply(runner: RunnerChild, request: Command, kind: type[T]) -> T:
    """What comes back for a request that has one answer."""
    runner.send(request)
    found = runner.wait(lambda report: getattr(report, "id", None) == request.id)
    assert isinstance(found, kind)
    return found


def say(runner: RunnerChild, request_id: int, *adapters: Adapter) -> str:
    return runner.generate(request(request_id, "<|text|>", *adapters)).text


def test_each_request_has_its_own_adapters(
    runner: RunnerChild, counting: Adapter, waving: Adapter
) -> None:
    assert say(runner, 1) == PLAIN
    assert say(runner, 2, counting) == COUNT
    assert say(runner, 3) == PLAIN
    assert say(runner, 4, waving) == PLAIN
    assert say(runner, 5, counting, waving) == "one friend."


@pytest.mark.parametrize("scale", [0.0, 0.05])
def test_a_weak_adapter_changes_little(
    runner: RunnerChild, counting: Adapter, scale: float
) -> None:
    assert say(runner, 10, Adapter(counting.path, scale)) == PLAIN


def test_streams_with_different_adapters_run_at_the_same_time(
    runner: RunnerChild, counting: Adapter
) -> None:
    requests = [
        request(number, "<|text|>", *([counting] if number % 2 else [])) for number in range(20, 28)
    ]
    runner.send(*requests)
    for one in requests:
        runner.wait_for_end(one.id)
        assert runner.answer(one.id).text == (COUNT if one.adapters else PLAIN)


def test_an_endless_stream_leaves_time_to_others(runner: RunnerChild, counting: Adapter) -> None:
    runner.send(request(30, "<|long|>", tokens=-1))
    runner.wait(lambda report: isinstance(report, Step) and _has(report, 30))
    assert say(runner, 31, counting) == COUNT
    runner.wait(lambda report: isinstance(report, Step) and _has(report, 30))
    runner.send(Abort(30))
    runner.wait_for_end(30)


def _has(step: Step, request_id: int) -> bool:
    deltas: tuple[Delta, ...] = step.deltas
    return any(delta.id == request_id for delta in deltas)


def test_what_was_read_with_other_adapters_is_read_again(
    runner: RunnerChild, counting: Adapter, waving: Adapter
) -> None:
    def cached(request_id: int, *adapters: Adapter) -> int:
        answer = runner.generate(request(request_id, LONG, *adapters, tokens=2))
        return int(answer.usage.cached_tokens)

    sets = [(), (counting,), (waving,), (counting, waving)]
    assert all(cached(40 + number, *one) < 5 for number, one in enumerate(sets))
    assert all(cached(50 + number, *one) > 100 for number, one in enumerate(sets))


def test_conversations_on_disk_belong_to_their_adapters(
    start_runner: Callable[[], RunnerChild], tiny_model: Path, counting: Adapter, tmp_path: Path
) -> None:
    def cached(*adapters: Adapter) -> int:
        child = start_runner()
        folder = str(tmp_path / "state")
        child.load(tiny_model, parallel=2, state_folder=folder, state_limit=1 << 26)
        answer = child.generate(request(1, LONG, *adapters, tokens=2))
        child.send(Trim())
        child.close()
        return int(answer.usage.cached_tokens)

    assert cached(counting) == 0
    assert cached() == 0
    assert cached(counting) > 100
    assert cached() > 100


def test_vectors_are_made_with_the_adapters_of_their_call(
    runner: RunnerChild, tiny_gguf: ModuleType, tmp_path: Path
) -> None:
    colour = Adapter(str(lora.recolour(tiny_gguf, tmp_path / "colour.gguf")))

    def vector(request_id: int, *adapters: Adapter) -> list[float]:
        embed = Embed(request_id, ("Hello there",), adapters=adapters)
        return list(np.frombuffer(reply(runner, embed, Embedded).vectors, "<f4"))

    plain, coloured = vector(55), vector(56, colour)
    assert plain == vector(57)
    assert not np.allclose(plain, coloured, atol=0.01)


def test_a_bad_adapter_fails_its_own_requests_only(
    runner: RunnerChild, counting: Adapter, misfit: Adapter
) -> None:
    runner.send(request(60, "<|long|>", tokens=60))
    failed = runner.generate(request(61, "<|text|>", counting, misfit)).failed
    assert failed is not None
    assert failed.kind == "load"
    assert "shape" in failed.text
    runner.wait_for_end(60)
    assert runner.answer(60).usage.completion_tokens == 60
    assert say(runner, 62, counting) == COUNT


@pytest.mark.parametrize("kind", ["model", "missing", "activated"])
def test_what_is_no_adapter_is_refused_by_its_name_alone(
    runner: RunnerChild, tiny_model: Path, tiny_gguf: ModuleType, tmp_path: Path, kind: str
) -> None:
    paths = {
        "model": tiny_model,
        "missing": tmp_path / "none.gguf",
        "activated": lora.redirect(tiny_gguf, tmp_path / "a.gguf", "one", "one", activated=True),
    }
    failed = reply(runner, Adapt(70, (Adapter(str(paths[kind])),)), Failed)
    assert failed.kind == "load"
    assert "adapter" in failed.text
    assert str(tmp_path) not in failed.text
    assert str(tiny_model.parent) not in failed.text


def test_adapters_are_opened_ahead_and_once(runner: RunnerChild, counting: Adapter) -> None:
    sizes = []
    for request_id in (80, 81):
        adapt = Adapt(request_id, (counting, Adapter(counting.path, 0.5)))
        sizes.append(reply(runner, adapt, Adapted).memory)
    assert sizes[0] == sizes[1] >= Path(counting.path).stat().st_size
