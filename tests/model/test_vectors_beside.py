"""Vectors of a chat model, and the streams beside them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from puna.runner.llama import FloatArray
from puna.runner.protocol import (
    Abort,
    Embed,
    Embedded,
    Failed,
    Finished,
    Generate,
    Raw,
    Report,
    Sampling,
    Step,
)

from .answerer import Answerer
from .test_checkpoints import letters, write_model
from .test_media_beside import text_of

pytestmark = pytest.mark.model

LONG = letters(1, 300)


class Reader(Answerer):
    """A runner's service that a test drives."""

    def embed_once(self) -> list[Report]:
        """One piece of a text; what that brings."""
        self.sink.reports.clear()
        self.service._embed()
        return list(self.sink.reports)

    def turn(self) -> list[Report]:
        """What one turn of the service brings."""
        self.sink.reports.clear()
        if self.service._embeddings.busy:
            self.service._embed()
        if self.service._loop.busy:
            self.service._loop.step()
        return list(self.sink.reports)

    def finish(self) -> list[Report]:
        """What comes until nothing is left to do."""
        reports: list[Report] = []
        for _ in range(1000):
            if not (self.service._embeddings.busy or self.service._loop.busy):
                return reports
            reports += self.turn()
        raise AssertionError(f"no end: {reports[-5:]}")

    def stream(self, number: int, prompt: str = "abc", length: int = 60) -> list[Report]:
        """Begin a stream; what its first step brings."""
        sampling = Sampling(temperature=0.0, num_predict=length)
        self.begin(Generate(number, Raw(prompt), sampling))
        self.sink.reports.clear()
        self.service._loop.step()
        return list(self.sink.reports)

    def vector(self, text: str = LONG) -> FloatArray:
        """That of a text which has the model for itself."""
        self.begin(Embed(90, (text,)))
        return vector_of(self.finish(), 90)

    @property
    def spare_is_empty(self) -> bool:
        """Nothing is left of the texts."""
        lent = self.service._slots.spare_is_lent
        return not lent and self.opened.context.last_position(self.opened.spare) == -1


def vector_of(reports: list[Report], request: int) -> FloatArray:
    (found,) = (one for one in reports if isinstance(one, Embedded) and one.id == request)
    return np.frombuffer(found.vectors, "<f4")


def ends_of(reports: list[Report], request: int) -> list[type]:
    return [type(r) for r in reports if isinstance(r, Finished | Failed) and r.id == request]


@pytest.fixture(params=["mistral3", "gemma3", "mamba", "qwen35"])
def family(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_model(tmp_path, request.param)


@pytest.fixture
def start(family: Path) -> Callable[..., Reader]:
    return lambda **options: Reader(family, **{"batch": 64, **options})


def test_streams_go_on_while_a_text_is_read(start: Callable[..., Reader]) -> None:
    reader = start()
    wanted = reader.vector()
    reader.stream(1)
    reader.begin(Embed(2, (LONG,)))
    turns = []
    while not any(isinstance(report, Embedded) for report in turns):
        turns += reader.turn()
    assert len([report for report in turns if isinstance(report, Step)]) >= 4
    assert vector_of(turns, 2) @ wanted > 0.999
    assert ends_of(reader.finish(), 1) == [Finished]
    assert reader.spare_is_empty


def test_a_stream_says_the_same_beside_a_text(start: Callable[..., Reader]) -> None:
    reader = start(parallel=5)
    prompts = ["abc", "bcd", "cde"]
    alone = [reader.say(prompt, num_predict=60)[0] for prompt in prompts]
    for number, prompt in enumerate(prompts):
        reader.begin(Generate(number, Raw(prompt), Sampling(temperature=0.0, num_predict=60)))
    reader.begin(Embed(9, (LONG, LONG)))
    reports = reader.finish()
    assert [text_of(reports, number) for number in range(3)] == alone
    assert ends_of(reports, 9) == []


def test_a_call_that_is_cancelled_leaves_nothing(start: Callable[..., Reader]) -> None:
    reader = start()
    wanted = reader.vector()
    reader.stream(1)
    reader.begin(Embed(2, (LONG, "abc")))
    reader.turn()
    reader.service._take(Abort(2))
    assert reader.spare_is_empty
    reports = reader.finish()
    assert ends_of(reports, 1) == [Finished]
    assert ends_of(reports, 2) == []
    assert reader.vector() @ wanted > 0.999


def test_a_text_outlives_a_stream_that_is_cancelled_in_its_batch(
    start: Callable[..., Reader], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = start()
    wanted = reader.vector()
    reader.stream(1)
    reader.begin(Embed(2, (LONG,)))
    reader.turn()
    reader.service.interrupt(1)
    assert reader.embed_once() == []
    reader.service._take(Abort(1))
    assert vector_of(reader.finish(), 2) @ wanted > 0.999
    assert reader.spare_is_empty


def test_an_idle_conversation_makes_room_for_a_text(start: Callable[..., Reader]) -> None:
    reader = start(parallel=1)
    reader.say(letters(2, 450), num_predict=2)
    assert np.isfinite(reader.vector()).all()


def test_a_text_waits_where_streams_need_the_room(start: Callable[..., Reader]) -> None:
    reader = start(parallel=1)
    wanted = reader.vector()
    said = reader.say(letters(2, 300), num_predict=180)[0]
    reader.service._slots.forget_all()
    reader.begin(Embed(2, (LONG,)))
    reader.turn()
    reports = [*reader.stream(1, letters(2, 300), 180), *reader.finish()]
    # The numbers depend a little on how the prompt was cut into batches.
    assert text_of(reports, 1)[:100] == said[:100]
    assert ends_of(reports, 1) == [Finished]
    assert vector_of(reports, 2) @ wanted > 0.999
