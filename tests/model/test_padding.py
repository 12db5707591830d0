"""Rows that are only there to make a batch quicker change no answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from puna.runner.protocol import Finished, Generate, Raw, Sampling, Step

from .answerer import Answerer

pytestmark = pytest.mark.model

STREAMS = 7


@pytest.fixture(scope="module")
def model(tiny_model: Path) -> Answerer:
    return Answerer(tiny_model, parallel=STREAMS)


def test_answers_are_the_same_with_rows_added(
    model: Answerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def texts(padding: Callable[[int], int]) -> list[str]:
        asked: list[int] = []
        monkeypatch.setattr(
            model.service._loop._experience,
            "padding",
            lambda streams: asked.append(streams) or padding(streams),
        )
        ids = range(1, STREAMS + 1)
        sampling = Sampling(temperature=0.0, num_predict=20)
        reports = model.answer(
            *(Generate(i, Raw("<|long|>" if i % 2 else "<|stop|>"), sampling) for i in ids)
        )
        assert sum(isinstance(report, Finished) for report in reports) == STREAMS
        assert STREAMS in asked
        deltas = [d for report in reports if isinstance(report, Step) for d in report.deltas]
        return ["".join(d.text for d in deltas if d.id == i) for i in ids]

    plain = texts(lambda _: 0)
    assert texts(lambda streams: -streams % 4) == plain
    assert all(plain)
    opened = model.opened
    assert opened.context.last_position(opened.spare) == -1
