"""Guessed tokens change how fast an answer comes, never the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue

import pytest

from puna.runner.loading import open_model
from puna.runner.log import NativeLog
from puna.runner.parked import ParkedConversations
from puna.runner.protocol import (
    Constraint,
    Failed,
    Finished,
    Generate,
    LoadOptions,
    Raw,
    Report,
    Sampling,
    Step,
)
from puna.runner.row_costs import RowCosts
from puna.runner.service import Item, Service

pytestmark = pytest.mark.model

LIST = "red, green, blue, red, green, blue, red, green, blue, red, green,"


class FreeRows(RowCosts):
    """Rows that cost nothing: everything is guessed that can be."""

    on = True

    @property
    def relative(self) -> Mapping[int, float]:
        return {1: 1.0, 4: 1.0, 8: 1.0} if self.on else {}

    def forget(self) -> None:
        self.on = False


class Sink:
    """Keeps the reports of a service."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def send(self, report: Report) -> None:
        self.reports.append(report)


class Answerer:
    """A service in this process, step by step."""

    def __init__(self, model: Path, **options: object) -> None:
        settings = {"context_length": 512, "parallel": 2, "prompt_lookup": True, **options}
        opened = open_model(LoadOptions((str(model),), **settings), NativeLog(), lambda _: None)
        self.sink, self.inbox = Sink(), SimpleQueue[Item]()
        self.service = Service(opened, ParkedConversations(0, None), self.sink, self.inbox)  # type: ignore[arg-type]
        self.costs = self.service._loop.row_costs = FreeRows(opened)
        self.measured = RowCosts(opened)

    def answer(self, *requests: Generate) -> list[Report]:
        """All reports until these requests have ended."""
        self.sink.reports.clear()
        for request in requests:
            self.service._take(request)
            self.service._take(self.inbox.get(timeout=60))
        while self.service._loop.busy:
            self.service._loop.step()
        assert not any(isinstance(report, Failed) for report in self.sink.reports)
        return list(self.sink.reports)

    def say(self, text: str = LIST, **options: object) -> tuple[str, int, int]:
        """The text, its tokens, and the steps it took."""
        extra = {k: options.pop(k) for k in ("constraint", "logprobs") if k in options}
        sampling = Sampling(**{"temperature": 0.0, "num_predict": 40, **options})
        reports = self.answer(Generate(1, Raw(text), sampling, **extra))
        steps = [report for report in reports if isinstance(report, Step)]
        (finished,) = (report for report in reports if isinstance(report, Finished))
        said = "".join(delta.text for step in steps for delta in step.deltas)
        return said, finished.usage.completion_tokens, len(steps)


@pytest.fixture(scope="module")
def model(smollm2: Path) -> Answerer:
    return Answerer(smollm2)


@pytest.fixture
def guessing(model: Answerer) -> Iterator[Answerer]:
    model.costs.on = True
    yield model
    model.costs.on = True


def both(model: Answerer, ask: Callable[[], tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """With guesses, then without."""
    first = ask()
    model.costs.on = False
    return [first, ask()]


def test_a_repeating_answer_takes_fewer_steps_and_is_the_same(guessing: Answerer) -> None:
    fast, slow = both(guessing, guessing.say)
    assert fast[:2] == slow[:2]
    assert fast[1] == 40
    assert fast[2] < 0.6 * slow[2]


@pytest.mark.parametrize("penalty", [1.0, 1.3])
def test_an_answer_that_does_not_repeat_is_the_same(guessing: Answerer, penalty: float) -> None:
    prompt = "The cat sat on the mat. The cat sat on the hat. The cat"
    fast, slow = both(guessing, lambda: guessing.say(prompt, repeat_penalty=penalty))
    assert fast[:2] == slow[:2]


def test_a_limit_holds_inside_a_guess(guessing: Answerer) -> None:
    for limit in range(1, 12):
        assert guessing.say(num_predict=limit)[1] == limit


def test_a_stop_string_ends_an_answer_inside_a_guess(guessing: Answerer) -> None:
    fast, slow = both(guessing, lambda: guessing.say(stop=("green",)))
    assert "green" not in fast[0]
    assert fast[:2] == slow[:2]


def test_a_grammar_holds_inside_a_guess(guessing: Answerer) -> None:
    schema = {"type": "array", "items": {"enum": ["red", "green"]}, "minItems": 6, "maxItems": 6}
    constraint = Constraint("schema", json.dumps(schema))
    said, _, _ = guessing.say(constraint=constraint, num_predict=100)
    assert len(json.loads(said)) == 6


def test_what_is_cached_after_guesses_is_what_was_said(guessing: Answerer) -> None:
    said, _, _ = guessing.say()
    fast, slow = both(guessing, lambda: guessing.say(LIST + said))
    assert fast[0] == slow[0]


def test_an_answer_slides_past_its_window_with_guesses(guessing: Answerer) -> None:
    _, tokens, steps = guessing.say(LIST * 6, num_predict=700)
    assert tokens == 700
    assert steps < tokens


def test_log_probabilities_come_with_every_token(guessing: Answerer) -> None:
    sampling = Sampling(temperature=0.0, num_predict=12)
    reports = guessing.answer(Generate(1, Raw(LIST), sampling, logprobs=0))
    deltas = [delta for report in reports if isinstance(report, Step) for delta in report.deltas]
    assert sum(len(delta.logprobs) for delta in deltas) == 12


def test_a_seed_and_company_do_without_guesses(guessing: Answerer) -> None:
    assert guessing.say(seed=7)[2] == 40
    sampling = Sampling(temperature=0.0, num_predict=20)
    reports = guessing.answer(*(Generate(n, Raw(LIST), sampling) for n in (1, 2)))
    steps = [report for report in reports if isinstance(report, Step)]
    assert all(len({delta.id for delta in step.deltas}) == len(step.deltas) for step in steps)


def test_rows_are_measured_once_when_there_is_time(model: Answerer, smollm2: Path) -> None:
    assert model.measured.relative == {}
    assert model.measured.measure() is False
    measured = dict(model.measured.relative)
    assert set(measured) == {1, 4, 8}
    assert measured[1] == 1.0
    model.measured.measure()
    assert dict(model.measured.relative) == measured


def test_nothing_is_measured_unless_it_was_asked_for(smollm2: Path) -> None:
    quiet = Answerer(smollm2, prompt_lookup=False).measured
    quiet.measure()
    assert quiet.relative == {}
