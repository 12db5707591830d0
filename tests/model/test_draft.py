"""A draft model changes how fast an answer comes, never the answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from puna.runner.draft import CHUNK
from puna.runner.protocol import Adapter, Draft, Generate, Raw, Sampling

from . import lora
from .answerer import Answerer
from .conftest import RunnerChild

pytestmark = pytest.mark.model

PROMPT = "The three primary colours are"


@pytest.fixture(scope="module")
def scripted(tiny_model: Path, tiny_gguf: ModuleType, tmp_path_factory) -> Answerer:
    """A scripted model with itself, under another name, as its draft."""
    draft = tmp_path_factory.mktemp("draft") / "draft.gguf"
    draft.write_bytes(tiny_gguf.build(f32=True))
    return Answerer(tiny_model, draft=Draft(str(draft), 4))


@pytest.fixture(scope="module")
def smol(smollm2: Path) -> Answerer:
    return Answerer(smollm2, draft=Draft(str(smollm2), 4), context_length=1024)


def test_right_guesses_save_steps(scripted: Answerer) -> None:
    fast, slow = scripted.both(lambda: scripted.say("<|long|>"))
    assert fast[:2] == slow[:2]
    # The second time the prompt is known, and with it the first token.
    assert (slow[2], fast[2]) == (39, 9)


def test_wrong_guesses_are_taken_back(
    scripted: Answerer, tiny_gguf: ModuleType, tmp_path: Path
) -> None:
    odd = lora.redirect(tiny_gguf, tmp_path / "odd.gguf", " li", " le")
    adapters = (Adapter(str(odd)),)
    fast, slow = scripted.both(lambda: scripted.say("<|long|>", adapters=adapters))
    assert "lo" not in slow[0]
    assert fast[:2] == slow[:2]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_an_answer_of_a_real_model_is_the_same(smol: Answerer, penalty: float) -> None:
    fast, slow = smol.both(lambda: smol.say(PROMPT, repeat_penalty=penalty))
    assert fast[:2] == slow[:2]
    assert fast[2] < slow[2]


def test_a_long_prompt_is_read_piece_by_piece(smol: Answerer) -> None:
    prompt = "One two three four five six seven eight nine ten. " * 10
    fast, slow = smol.both(lambda: smol.say(prompt, num_predict=16))
    assert fast[:2] == slow[:2]
    pieces = smol.opened.model.vocabulary.tokenize(prompt, add_special=True, parse_special=True)
    assert len(pieces) // CHUNK < fast[2] < slow[2]


def test_a_draft_follows_one_conversation_after_the_other(smol: Answerer) -> None:
    for prompt in (PROMPT, "The capital of France is", PROMPT):
        fast, slow = smol.both(lambda prompt=prompt: smol.say(prompt, num_predict=12))
        assert fast[:2] == slow[:2]


def test_an_answer_slides_past_its_window_with_a_draft(scripted: Answerer) -> None:
    scripted.costs.on = True
    said, tokens, steps = scripted.say("<|long|>", num_predict=700)
    assert tokens == 700
    assert steps < tokens
    assert set(said.split()) == {"la", "le", "li", "lo", "lu"}


def test_a_limit_holds_inside_a_guess(scripted: Answerer) -> None:
    scripted.costs.on = True
    for limit in range(1, 9):
        assert scripted.say("<|long|>", num_predict=limit)[1] == limit


def test_an_end_is_an_end_inside_a_guess(scripted: Answerer) -> None:
    scripted.costs.on = True
    assert scripted.say("<|text|>")[0] == "Hello there friend."


def test_a_seed_and_company_do_without_guesses(scripted: Answerer) -> None:
    scripted.costs.on = True
    assert scripted.say("<|long|>", seed=7)[2] >= 39
    sampling = Sampling(temperature=0.0, num_predict=20)
    scripted.answer(*(Generate(n, Raw("<|long|>"), sampling) for n in (1, 2)))
    assert scripted.batches >= 19


def test_a_draft_is_used_only_after_it_was_measured(smollm2: Path) -> None:
    model = Answerer(smollm2, draft=Draft(str(smollm2), 4))
    guessing, draft = model.service._loop.guessing, model.opened.draft
    guessing.rows = model.measured
    assert draft is not None
    assert model.say(PROMPT, num_predict=20)[2] >= 19
    guessing.measure()
    assert set(model.measured.relative) == {1, 3, 5}
    assert 0 < draft.seconds < math.inf


def test_a_draft_that_costs_more_than_it_saves_is_not_used(smol: Answerer) -> None:
    smol.costs.on = True
    smol.costs.in_steps = lambda seconds: 0.9  # type: ignore[method-assign]
    assert smol.say(PROMPT, num_predict=20)[2] >= 19
    del smol.costs.in_steps


def test_a_draft_with_another_vocabulary_is_ignored_with_a_warning(
    start_runner: Callable[[], RunnerChild], smollm2: Path, tiny_model: Path
) -> None:
    child = start_runner()
    loaded = child.load(tiny_model, parallel=1, draft=Draft(str(smollm2), 4))
    (warning,) = loaded.warnings
    assert warning == "the draft model is not used: its vocabulary is not that of the model"
    assert child.raw(1, "<|text|>").text == "Hello there friend."


def test_a_draft_that_cannot_be_opened_is_ignored_with_a_warning(
    start_runner: Callable[[], RunnerChild], tiny_model: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"GGUF")
    child = start_runner()
    (warning,) = child.load(tiny_model, parallel=1, draft=Draft(str(bad), 4)).warnings
    assert warning.startswith("the draft model is not used: ")
    assert str(tmp_path) not in warning
    assert child.raw(1, "<|text|>").text == "Hello there friend."
