"""Several requests at once: sharing, interleaving, cancelling, remembering."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from puna.runner.protocol import (
    Abort,
    Failed,
    Finished,
    Generate,
    Raw,
    Sampling,
    Step,
    Trim,
)

from .conftest import Answer, RunnerChild

pytestmark = pytest.mark.model

STORY = "Once upon a time there was a lighthouse keeper who counted the ships. "


def test_every_request_ends_exactly_once_whatever_is_canceled(tiny_runner: RunnerChild) -> None:
    dice = random.Random(7)
    ids = list(range(5000, 5040))
    for request_id in ids:
        prompt = Raw("ab" * dice.randrange(1, 20) + dice.choice(["<|text|>", "<|long|>"]))
        sampling = Sampling(num_predict=dice.randrange(1, 80), seed=dice.randrange(99))
        tiny_runner.send(Generate(request_id, prompt, sampling))
        if dice.random() < 0.5:
            tiny_runner.send(Abort(dice.choice(ids[: request_id - 4999])))
    open_ids = set(ids)
    while open_ids:
        report = tiny_runner.wait(lambda r: isinstance(r, Finished | Failed))
        assert isinstance(report, Finished | Failed)
        open_ids.discard(report.id)
    # A further round trip: nothing comes after the end.
    tiny_runner.raw(5999, "<|text|>")
    assert {tiny_runner.answer(i).endings for i in ids} == {1}


def test_requests_that_outgrow_the_cache_take_turns(
    start_runner: Callable[[], RunnerChild], tiny_model: Path
) -> None:
    child = start_runner()
    child.load(tiny_model, context_length=512, parallel=8, cells=512)
    ids = range(1, 9)
    sampling = Sampling(temperature=0.0, num_predict=300)
    child.send(*(Generate(i, Raw(f"{i}<|long|>"), sampling) for i in ids))
    for _ in ids:
        child.wait(lambda r: isinstance(r, Finished | Failed))
    answers = [child.answer(i) for i in ids]
    assert {answer.endings for answer in answers} == {1}
    assert {answer.text for answer in answers} == {" la le li lo lu" * 60}


def test_aborting_an_unknown_request_is_ignored(tiny_runner: RunnerChild) -> None:
    tiny_runner.send(Abort(123456))
    assert tiny_runner.raw(6000, "<|text|>").text == "Hello there friend."


def test_streams_say_the_same_together_as_alone(tiny_runner: RunnerChild) -> None:
    ids = range(6100, 6108)
    tiny_runner.send(*(Generate(i, Raw("<|stop|>"), Sampling(temperature=0.0)) for i in ids))
    for request_id in ids:
        if tiny_runner.answer(request_id).endings == 0:
            tiny_runner.wait(lambda r, i=request_id: isinstance(r, Finished) and r.id == i)  # type: ignore[misc]
    assert {tiny_runner.answer(i).text for i in ids} == {"one two three four five"}


def test_the_next_turn_reads_only_what_is_new(smol_runner: RunnerChild) -> None:
    first = smol_runner.raw(1000, STORY * 20, num_predict=8)
    second = smol_runner.raw(1001, STORY * 20 + first.text + " And then", num_predict=4)
    assert second.usage.cached_tokens >= first.usage.prompt_tokens - 64
    assert second.usage.cached_tokens < second.usage.prompt_tokens


def test_the_same_prompt_again_is_not_read_at_all(smol_runner: RunnerChild) -> None:
    prompt = STORY * 21
    first = smol_runner.raw(1010, prompt, num_predict=8, logprobs=3)
    between = smol_runner.raw(1011, STORY * 3 + "Something else.", num_predict=8)
    again = smol_runner.raw(1012, prompt, num_predict=8, logprobs=3)
    longer = smol_runner.raw(1013, prompt + " More.", num_predict=8)
    assert first.usage.cached_tokens < first.usage.prompt_tokens
    assert between.usage.cached_tokens < between.usage.prompt_tokens
    assert again.usage.cached_tokens == again.usage.prompt_tokens
    assert again.text == first.text
    assert again.logprobs[0] == first.logprobs[0]
    assert longer.usage.cached_tokens < longer.usage.prompt_tokens


def test_one_prompt_for_many_answers_is_read_once(smol_runner: RunnerChild) -> None:
    ids = range(1020, 1026)
    prompt = Raw("Once more. " + STORY * 8)
    smol_runner.send(*(Generate(i, prompt, Sampling(num_predict=6, temperature=0)) for i in ids))
    for request_id in ids:
        smol_runner.wait_for_end(request_id)
    usages = [smol_runner.answer(i).usage for i in ids]
    read = sum(usage.prompt_tokens - usage.cached_tokens for usage in usages)
    assert read <= usages[0].prompt_tokens
    assert len({smol_runner.answer(i).text for i in ids}) == 1


def test_prompts_that_come_together_are_read_together(smol_runner: RunnerChild) -> None:
    def begun_together(start: int) -> int:
        ids = range(start, start + 6)
        before = len(smol_runner.reports)
        prompts = (Raw(f"Number {i} says hello") for i in ids)
        sampling = Sampling(num_predict=2)
        smol_runner.send(*(Generate(i, p, sampling) for i, p in zip(ids, prompts, strict=True)))
        for request_id in ids:
            smol_runner.wait_for_end(request_id)
        return len(next(r.deltas for r in smol_runner.reports[before:] if isinstance(r, Step)))

    # On a busy machine one may come late, but not each time.
    assert max(begun_together(start) for start in range(1030, 1090, 10)) == 6


def test_a_common_beginning_is_read_once(smol_runner: RunnerChild) -> None:
    ids = range(1100, 1104)
    shared = "A shared beginning. " + STORY * 25
    requests = (Generate(i, Raw(f"{shared} Question {i}?"), Sampling(num_predict=2)) for i in ids)
    smol_runner.send(*requests)
    for request_id in ids:
        if smol_runner.answer(request_id).endings == 0:
            smol_runner.wait(lambda r, i=request_id: isinstance(r, Finished) and r.id == i)  # type: ignore[misc]
    usages = [smol_runner.answer(i).usage for i in ids]
    read = sum(usage.prompt_tokens - usage.cached_tokens for usage in usages)
    assert read < 2 * usages[0].prompt_tokens


def test_a_stream_goes_on_while_a_long_prompt_is_read(smol_runner: RunnerChild) -> None:
    smol_runner.send(Generate(1200, Raw(STORY), Sampling(num_predict=300)))
    smol_runner.wait(lambda r: isinstance(r, Step))
    long = Raw("Numbers: " + " ".join(str(i * 7919) for i in range(120)))
    smol_runner.send(Generate(1201, long, Sampling(num_predict=2)))
    before = len(smol_runner.reports)
    smol_runner.wait(
        lambda r: (isinstance(r, Step) and any(delta.id == 1201 for delta in r.deltas))
        or (isinstance(r, Finished) and r.id == 1201)
    )  # fmt: skip
    steps = [r for r in smol_runner.reports[before:] if isinstance(r, Step)]
    assert sum(any(delta.id == 1200 for delta in step.deltas) for step in steps) > 3
    smol_runner.send(Abort(1200))


@pytest.mark.parametrize("prompt", ["The ships were", STORY * 30], ids=["short", "long"])
def test_the_same_seed_alone_gives_the_same_text(smol_runner: RunnerChild, prompt: str) -> None:
    number = 1300 if len(prompt) < 100 else 1310
    texts = {
        smol_runner.raw(number + i, prompt, temperature=1.0, seed=42, num_predict=24).text
        for i in range(3)
    }
    other = smol_runner.raw(number + 5, prompt, temperature=1.0, seed=43, num_predict=24).text
    assert len(texts) == 1
    assert other not in texts


def test_log_probabilities_are_sorted_and_of_the_token(smol_runner: RunnerChild) -> None:
    answer = smol_runner.raw(1400, "The sky is", logprobs=5, num_predict=4)
    assert len(answer.logprobs) == 4
    for entry in answer.logprobs:
        values = [value for _, value in entry.top]
        assert values == sorted(values, reverse=True)
        # Greedy: the token is the best one.
        assert entry.top[0] == (entry.token, pytest.approx(entry.logprob))
        assert bytes(entry.bytes).decode() == entry.token


def test_a_character_of_several_tokens_is_one_logprob(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(6200, "<|emoji|>", logprobs=0)
    assert [entry.token for entry in answer.logprobs] == ["\N{GRINNING FACE}"]


def remembering(folder: Path) -> dict[str, Any]:
    """Load options of a runner that keeps conversations in ``folder``."""
    state = {"state_folder": str(folder), "state_limit": 1 << 30}
    return {"context_length": 2048, "parallel": 2, **state}


def told_before(
    child: RunnerChild, model: Path, options: dict[str, Any], prompt: str, *, length: int
) -> Answer:
    """What a runner answered before it wrote its conversations to disk and ended."""
    child.load(model, **options)
    told = child.raw(1, prompt, num_predict=length)
    child.send(Trim())
    child.close()
    return told


def test_a_conversation_is_back_after_a_restart(
    start_runner: Callable[[], RunnerChild], smollm2: Path, tmp_path: Path
) -> None:
    options = remembering(tmp_path)
    prompt = STORY * 40
    told = told_before(start_runner(), smollm2, options, prompt, length=4)
    assert list(tmp_path.glob("*.state"))
    second = start_runner()
    second.load(smollm2, **options)
    again = second.raw(1, prompt + told.text + " What happened next?", num_predict=4)
    assert again.usage.cached_tokens >= told.usage.prompt_tokens - 64
    assert again.usage.prompt_ns < told.usage.prompt_ns


def test_a_prompt_is_known_to_its_end_after_a_restart(
    start_runner: Callable[[], RunnerChild], smollm2: Path, tmp_path: Path
) -> None:
    options = remembering(tmp_path)
    told = told_before(start_runner(), smollm2, options, STORY * 40, length=16)
    second = start_runner()
    second.load(smollm2, **options)
    again = second.raw(1, STORY * 40)
    assert again.usage.cached_tokens == again.usage.prompt_tokens
    assert again.text == told.text


@pytest.mark.parametrize(
    "after",
    ["", " Say it again.", " He counted them at night too." * 5, "{told} What happened next?"],
    ids=["the same again", "a short addition", "an addition", "a next turn"],
)
def test_a_conversation_with_a_sliding_window_is_back_after_a_restart(
    start_runner: Callable[[], RunnerChild], gemma3: Path, tmp_path: Path, after: str
) -> None:
    options = remembering(tmp_path)
    prompt = (STORY * 80).strip()
    told = told_before(start_runner(), gemma3, options, prompt, length=40)
    assert told.usage.prompt_tokens > 1000
    second = start_runner()
    second.load(gemma3, **options)
    longer = prompt + after.format(told=told.text)
    again = second.raw(1, longer, num_predict=8)
    assert again.usage.cached_tokens >= told.usage.prompt_tokens - 1
    stayed = start_runner()
    stayed.load(gemma3, context_length=2048, parallel=2)
    stayed.raw(1, prompt, num_predict=40)
    assert stayed.raw(2, longer, num_predict=8).text == again.text


def test_a_damaged_state_file_is_read_as_none(
    start_runner: Callable[[], RunnerChild], smollm2: Path, tmp_path: Path
) -> None:
    options = {"context_length": 1024, "parallel": 1}
    folder = {"state_folder": str(tmp_path), "state_limit": 1 << 30}
    told_before(start_runner(), smollm2, {**options, **folder}, STORY * 15, length=2)
    (path,) = tmp_path.glob("*.state")
    data = bytearray(path.read_bytes())
    data[-100] ^= 0xFF
    path.write_bytes(data)
    second = start_runner()
    second.load(smollm2, **options, **folder)
    again = second.raw(1, STORY * 15 + "x", num_predict=2)
    assert again.failed is None
    assert again.usage.cached_tokens == 0
    assert not path.exists()
