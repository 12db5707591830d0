"""Models whose layers keep a state instead of cells: earlier points of a conversation come back."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from puna.engine.memory import state_bytes
from puna.gguf.metadata import ModelInfo
from puna.gguf.reader import read_header
from puna.gguf.translation.catalogue import translation
from puna.gguf.writer import combine
from puna.runner.protocol import Abort, Failed, Finished, Generate, Raw, Sampling, Step, Trim

from .answerer import Answerer
from .conftest import Answer, RunnerChild
from .ollama_files import WIDTH, OllamaFile, write, write_file

pytestmark = pytest.mark.model

_INNER, _STATE, _RANK = 2 * WIDTH, 16, 16
MAMBA = OllamaFile(
    {
        "attn_norm.weight": (WIDTH,),
        "ssm_in.weight": (2 * _INNER, WIDTH),
        "ssm_conv1d.weight": (_INNER, 4),
        "ssm_conv1d.bias": (_INNER,),
        "ssm_x.weight": (_RANK + 2 * _STATE, _INNER),
        "ssm_dt.weight": (_INNER, _RANK),
        "ssm_dt.bias": (_INNER,),
        "ssm_a": (_INNER, _STATE),
        "ssm_d": (_INNER,),
        "ssm_out.weight": (WIDTH, _INNER),
    },
    {
        "ssm.conv_kernel": 4,
        "ssm.inner_size": _INNER,
        "ssm.state_size": _STATE,
        "ssm.time_step_rank": _RANK,
    },
    layers=2,
)
FAMILIES = ("mamba", "qwen35")
"""Recurrent layers alone, and beside attention."""


def letters(seed: int, count: int) -> str:
    """So many tokens."""
    return "".join(random.Random(seed).choices("abcdefgh", k=count))


@pytest.fixture(scope="module", params=FAMILIES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp(request.param), request.param)


def write_model(folder: Path, family: str) -> Path:
    """A tiny model of random weights."""
    path = folder / "model.gguf"
    if family == "mamba":
        write_file(path, MAMBA, "mamba")
        return path
    original = folder / "original.gguf"
    write(original, family)
    header = read_header(original)
    changes = translation(header)
    assert changes is not None
    with path.open("wb") as file:
        combine([header], file.write, changes)
    return path


@pytest.mark.parametrize("family", [*FAMILIES, "lfm2", "nemotron_h_moe", "qwen3next"])
def test_a_state_takes_what_the_estimate_says(family: str, tmp_path: Path) -> None:
    path = write_model(tmp_path, family)
    answerer = Answerer(path)
    answerer.say("abc")
    slots, context = answerer.service._slots.slots, answerer.opened.context
    taken = max(context.read_state(slot.sequence, partial=True).size for slot in slots)
    wanted = state_bytes(ModelInfo.from_header(read_header(path)))
    # What stands before each layer is not a part of it.
    assert 0 < wanted <= taken < wanted + 128


class Runner:
    """A runner, and one that is asked everything as if for the first time."""

    def __init__(self, model: Path, **options: Any) -> None:
        self._ids = iter(range(1, 10**6))
        self.child = RunnerChild()
        self.child.load(model, context_length=1024, **{"parallel": 4, **options})

    def ask(self, text: str, **options: Any) -> Answer:
        return self.child.raw(next(self._ids), text, num_predict=4, logprobs=4, **options)

    def close(self) -> None:
        self.child.close()


@pytest.fixture
def start(model: Path) -> Iterator[Callable[..., Runner]]:
    runners: list[Runner] = []

    def begin(**options: Any) -> Runner:
        runners.append(Runner(model, **options))
        return runners[-1]

    yield begin
    for runner in runners:
        runner.close()


def assert_same(answer: Answer, fresh: Answer) -> None:
    """Both saw the same history; numbers depend a little on how it was cut into batches."""
    assert fresh.usage.cached_tokens == 0
    for one, other in zip(answer.logprobs, fresh.logprobs, strict=True):
        assert one.token == other.token
        assert one.logprob == pytest.approx(other.logprob, abs=5e-3)


def test_an_answer_made_anew_reads_only_the_end_of_its_prompt(
    start: Callable[..., Runner],
) -> None:
    runner, prompt = start(), letters(1, 300)
    first, again = runner.ask(prompt), runner.ask(prompt)
    assert again.usage.cached_tokens >= 280
    assert_same(again, first)


def test_a_history_without_its_reasoning_is_read_from_where_it_differs(
    start: Callable[..., Runner],
) -> None:
    runner, history = start(), letters(1, 300)
    runner.ask(history + "<think>")
    second = history + letters(2, 90)
    answer = runner.ask(second + "<think>")
    assert 280 <= answer.usage.cached_tokens < 300
    third = runner.ask(second + letters(3, 30))
    assert third.usage.cached_tokens >= 370
    assert_same(third, start().ask(second + letters(3, 30)))


def test_the_second_conversation_with_a_beginning_keeps_it_for_the_third(
    start: Callable[..., Runner],
) -> None:
    runner, shared = start(), letters(1, 400)
    prompts = [shared + letters(seed, 100) for seed in range(2, 5)]
    answers = [runner.ask(prompt) for prompt in prompts]
    assert [a.usage.cached_tokens for a in answers] == [0, 0, pytest.approx(400, abs=4)]
    assert_same(answers[2], start().ask(prompts[2]))


def test_a_beginning_that_comes_many_times_at_once_is_not_read_each_time(
    start: Callable[..., Runner],
) -> None:
    runner, shared = start(), letters(1, 400)
    prompts = [shared + letters(seed, 100) for seed in range(2, 6)]
    sampling = Sampling(temperature=0.0, num_predict=4)
    ids = range(901, 905)
    runner.child.send(
        *(Generate(i, Raw(p), sampling, logprobs=4) for i, p in zip(ids, prompts, strict=True))
    )
    for request_id in ids:
        runner.child.wait_for_end(request_id)
    answers = [runner.child.answer(i) for i in ids]
    read = sum(a.usage.prompt_tokens - a.usage.cached_tokens for a in answers)
    # Twice, if the first was through before the others came.
    assert read <= 2 * 400 + 4 * 105
    for prompt, answer in zip(prompts, answers, strict=True):
        assert_same(answer, start().ask(prompt))


def test_checkpoints_outlive_the_process(start: Callable[..., Runner], tmp_path: Path) -> None:
    options = {"state_folder": str(tmp_path), "state_limit": 1 << 28}
    runner, prompt = start(**options), letters(1, 300)
    first = runner.ask(prompt)
    runner.child.send(Trim())
    assert runner.child.close() == 0
    again = start(**options).ask(prompt)
    assert again.usage.cached_tokens >= 280
    assert_same(again, first)


def test_who_leaves_takes_no_other_streams_state_with_him(start: Callable[..., Runner]) -> None:
    runner = start()
    stays, leaves = letters(1, 300), letters(2, 300)
    sampling = Sampling(temperature=0.0, num_predict=200)
    runner.child.send(Generate(901, Raw(stays), sampling, repeat_guard=False))
    runner.child.wait(lambda r: isinstance(r, Step))
    runner.child.send(Generate(902, Raw(leaves), sampling, repeat_guard=False))
    runner.child.wait(lambda r: isinstance(r, Step) and any(d.id == 902 for d in r.deltas))
    runner.child.send(Abort(902))
    runner.child.wait(lambda r: isinstance(r, Finished | Failed) and r.id == 902)
    runner.child.wait_for_end(901)
    together = runner.child.answer(901)
    alone = start().child.generate(Generate(1, Raw(stays), sampling, repeat_guard=False))
    assert together.usage.completion_tokens == alone.usage.completion_tokens
    assert runner.ask(leaves).usage.cached_tokens >= 280


def test_a_prompt_that_was_left_goes_on_where_a_copy_was_made(
    start: Callable[..., Runner],
) -> None:
    runner, prompt = start(), letters(1, 900)
    for request_id in range(901, 921):
        runner.child.send(Generate(request_id, Raw(prompt), Sampling(num_predict=50)))
        runner.child.send(Abort(request_id))
        runner.child.wait_for_end(request_id)
    assert_same(runner.ask(prompt, seed=-1), start().ask(prompt))
