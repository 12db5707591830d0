"""Answers of a runner, with a model whose texts are known word for word."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from puna.chat.messages import Message
from puna.runner.protocol import (
    Abort,
    Conversation,
    Failed,
    Finished,
    Generate,
    Load,
    LoadFailed,
    LoadOptions,
    Progress,
    Raw,
    Sampling,
    Template,
    Tokenize,
    Tokens,
)

from .conftest import RunnerChild

pytestmark = pytest.mark.model


def test_a_scripted_model_says_its_text(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(100, "<|text|>")
    assert answer.text == "Hello there friend."
    assert answer.finished is not None
    assert answer.finished.reason == "stop"
    # BOS and the selector; four pieces and the end token.
    assert answer.usage.prompt_tokens == 2
    assert answer.usage.completion_tokens == 5


def test_a_conversation_is_rendered_by_its_template(tiny_runner: RunnerChild) -> None:
    template = Template("jinja", "{% for m in messages %}{{ m.content }}{% endfor %}")
    conversation = Conversation(template, (Message("user", "a"), Message("user", "b<|text|>")))
    answer = tiny_runner.generate(Generate(101, conversation, Sampling(num_predict=8)))
    assert answer.failed is None
    assert answer.usage.prompt_tokens > 3


def test_a_character_of_four_tokens_arrives_whole(tiny_runner: RunnerChild) -> None:
    assert tiny_runner.raw(102, "<|emoji|>").text == "\N{GRINNING FACE}"


def test_a_character_that_the_limit_cuts_is_left_out(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(103, "<|emoji|>", num_predict=2)
    assert answer.text == ""
    assert answer.finished is not None
    assert answer.finished.reason == "length"


def test_a_stop_string_across_tokens_ends_the_answer(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(104, "<|stop|>", stop=("two",))
    assert answer.text == "one "
    assert answer.finished is not None
    assert answer.finished.stop == "two"


def test_more_than_thirty_equal_tokens_end_the_answer(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(105, "<|rep|>", num_predict=200)
    assert answer.finished is not None
    assert answer.finished.reason == "repeat"
    assert answer.usage.completion_tokens == 31


def test_the_number_of_tokens_is_limited(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(106, "<|long|>", num_predict=7)
    assert answer.text == " la le li lo lu la le"
    assert answer.finished is not None
    assert answer.finished.reason == "length"


def test_control_tokens_are_left_out_unless_wanted(tiny_runner: RunnerChild) -> None:
    assert tiny_runner.raw(107, "<|think|>").text.startswith("<think>I ponder")


def test_a_long_prompt_is_cut_and_that_is_told(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(108, "a" * 300 + "<|text|>", num_predict=8)
    assert answer.text == "Hello there friend."
    assert answer.usage.prompt_tokens == 35
    assert answer.usage.prompt_tokens_total == 302


def test_the_kept_beginning_counts_when_a_prompt_is_cut(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(109, "a" * 300 + "<|text|>", num_predict=8, num_keep=30)
    assert answer.usage.prompt_tokens == 48


def test_a_prompt_of_exactly_the_context_is_not_cut(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(110, "a" * 62 + "<|text|>", num_predict=3)
    assert answer.usage.prompt_tokens == 64


@pytest.mark.parametrize(
    ("letters", "fits"), [(252, True), (253, True), (254, False), (300, False)]
)
def test_without_truncation_a_prompt_must_leave_one_cell(
    tiny_runner: RunnerChild, letters: int, fits: bool
) -> None:
    answer = tiny_runner.raw(1000 + letters, "a" * letters + "<|text|>", truncate=False)
    if fits:
        assert answer.text == "Hello there friend."
    else:
        assert answer.failed is not None
        assert answer.failed.kind == "context"
        assert answer.failed.detail["prompt_tokens"] == letters + 2


def test_a_prompt_that_may_not_shift_is_refused(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(111, "a" * 300 + "<|text|>", shift=False)
    assert answer.failed is not None
    assert answer.failed.text.startswith("the prompt is longer than the context length")


def test_an_answer_slides_past_the_window(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(112, "<|long|>", num_predict=400)
    assert answer.text == " la le li lo lu" * 80
    assert answer.usage.shifted > 0


def test_an_answer_that_may_not_slide_fills_the_window(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(113, "<|long|>", num_predict=400, shift=False)
    assert answer.finished is not None
    assert answer.finished.reason == "length"
    assert answer.usage.completion_tokens == 254


def test_the_context_is_prompt_and_answer_without_their_ends(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(114, "<|text|>", want_context=True)
    assert len(answer.usage.context) == 1 + 4


def test_tokens_of_an_earlier_turn_come_first(tiny_runner: RunnerChild) -> None:
    before = tiny_runner.raw(115, "<|text|>", want_context=True).usage.context
    request = Generate(116, Raw("<|stop|>", before=before), Sampling(temperature=0.0))
    answer = tiny_runner.generate(request)
    assert answer.text == "one two three four five"
    assert answer.usage.prompt_tokens == 1 + len(before) + 1


def test_tokens_of_an_earlier_turn_never_stand_for_the_beginning(
    tiny_runner: RunnerChild,
) -> None:
    request = Generate(118, Raw("ab<|text|>", before=(1, 75)), Sampling(num_predict=1))
    assert tiny_runner.generate(request).usage.prompt_tokens == 1 + 2 + 3


def test_a_token_outside_the_vocabulary_is_refused(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.generate(Generate(117, Raw("a", before=(10**6,))))
    assert answer.failed is not None
    assert answer.failed.kind == "invalid"


def test_an_abort_ends_a_long_prompt_at_once(smol_runner: RunnerChild) -> None:
    prompt = Raw("word " * 3500)
    smol_runner.send(Generate(1, prompt, Sampling(num_predict=5)))
    smol_runner.wait(lambda report: isinstance(report, Progress))
    smol_runner.send(Abort(1))
    ended = smol_runner.wait(lambda r: isinstance(r, Failed | Finished), timeout=1.0)
    assert isinstance(ended, Failed)
    assert ended.kind == "canceled"


def test_a_missing_file_is_a_load_failure(
    start_runner: Callable[[], RunnerChild], tmp_path: Path
) -> None:
    child = start_runner()
    child.send(Load(LoadOptions(paths=(str(tmp_path / "none.gguf"),))))
    assert child.wait_for(LoadFailed).kind == "file"


def test_a_file_that_is_no_model_is_a_load_failure(
    start_runner: Callable[[], RunnerChild], tmp_path: Path
) -> None:
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"GGUF" + bytes(200))
    child = start_runner()
    child.send(Load(LoadOptions(paths=(str(path),))))
    assert child.wait_for(LoadFailed).text


def test_a_runner_ends_when_its_pipe_is_closed(tiny_model: Path) -> None:
    child = RunnerChild()
    child.load(tiny_model, parallel=1)
    assert child.close() == 0


STRICT = (
    "{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}"
    "{{ m.content }};{% endfor %}"
)


def test_a_template_that_wants_alternating_roles_loses_no_more_than_needed(
    tiny_runner: RunnerChild,
) -> None:
    turns = [Message(("user", "assistant")[i % 2], "x" * (i + 3)) for i in range(12)]
    messages = (*turns, Message("user", "<|text|>"))

    def tokens(start: int) -> int:
        conversation = Conversation(Template("jinja", STRICT), messages[start:])
        tiny_runner.send(Tokenize(6400 + start, conversation))
        return len(tiny_runner.wait_for(Tokens).tokens)

    needed = next(start for start in range(0, len(messages), 2) if tokens(start) <= 64)
    conversation = Conversation(Template("jinja", STRICT), messages)
    answer = tiny_runner.generate(Generate(6450, conversation, Sampling(num_predict=2)))
    assert 0 < needed < 12
    assert answer.usage.dropped_messages == needed
