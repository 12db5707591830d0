"""Guessed tokens change how fast an answer comes, never the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from puna.runner.protocol import Constraint, Generate, Raw, Sampling, Step

from .answerer import Answerer

pytestmark = pytest.mark.model

LIST = "red, green, blue, red, green, blue, red, green, blue, red, green,"


@pytest.fixture(scope="module")
def model(smollm2: Path) -> Answerer:
    return Answerer(smollm2, prompt_lookup=True)


@pytest.fixture
def guessing(model: Answerer) -> Iterator[Answerer]:
    model.costs.on = True
    yield model
    model.costs.on = True


def test_a_repeating_answer_takes_fewer_steps_and_is_the_same(guessing: Answerer) -> None:
    fast, slow = guessing.both(lambda: guessing.say(LIST))
    assert fast[:2] == slow[:2]
    assert fast[1] == 40
    assert fast[2] < 0.6 * slow[2]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_an_answer_that_does_not_repeat_is_the_same(guessing: Answerer, penalty: float) -> None:
    prompt = "The cat sat on the mat. The cat sat on the hat. The cat"
    fast, slow = guessing.both(lambda: guessing.say(prompt, repeat_penalty=penalty))
    assert fast[:2] == slow[:2]


def test_a_limit_holds_inside_a_guess(guessing: Answerer) -> None:
    for limit in range(1, 12):
        assert guessing.say(LIST, num_predict=limit)[1] == limit


def test_a_stop_string_ends_an_answer_inside_a_guess(guessing: Answerer) -> None:
    fast, slow = guessing.both(lambda: guessing.say(LIST, stop=("green",)))
    assert "green" not in fast[0]
    assert fast[:2] == slow[:2]


def test_a_grammar_holds_inside_a_guess(guessing: Answerer) -> None:
    schema = {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 6, "maxItems": 6}
    constraint = Constraint("schema", json.dumps(schema))
    said, _, _ = guessing.say(LIST, constraint=constraint, num_predict=100)
    assert len(json.loads(said)) == 6


def test_what_is_cached_after_guesses_is_what_was_said(guessing: Answerer) -> None:
    said, _, _ = guessing.say(LIST)
    fast, slow = guessing.both(lambda: guessing.say(LIST + said))
    assert fast[0] == slow[0]


def test_an_answer_slides_past_its_window_with_guesses(guessing: Answerer) -> None:
    _, tokens, steps = guessing.say(LIST * 6, num_predict=450)
    assert tokens == 450
    assert steps < tokens


def test_log_probabilities_come_with_every_token(guessing: Answerer) -> None:
    sampling = Sampling(temperature=0.0, num_predict=12)
    reports = guessing.answer(Generate(1, Raw(LIST), sampling, logprobs=0))
    deltas = [delta for report in reports if isinstance(report, Step) for delta in report.deltas]
    assert sum(len(delta.logprobs) for delta in deltas) == 12


def test_a_seed_and_company_do_without_guesses(guessing: Answerer) -> None:
    assert guessing.say(LIST, seed=7)[2] >= 39
    sampling = Sampling(temperature=0.0, num_predict=20)
    guessing.answer(*(Generate(n, Raw(LIST), sampling) for n in (1, 2)))
    assert guessing.batches >= 19


def test_rows_are_measured_once_when_there_is_time(model: Answerer) -> None:
    assert model.measured.relative == {}
    assert model.measured.measure() is True
    measured = dict(model.measured.relative)
    assert set(measured) == {1, 4, 8}
    assert measured[1] == 1.0
    assert model.measured.measure() is False
    assert dict(model.measured.relative) == measured


def test_nothing_is_measured_unless_it_was_asked_for(smollm2: Path) -> None:
    quiet = Answerer(smollm2).measured
    assert quiet.measure() is False
    assert quiet.relative == {}
