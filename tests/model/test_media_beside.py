"""What others get while an image is encoded and read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from puna.runner import loop
from puna.runner.llama import NativeError
from puna.runner.protocol import (
    Abort,
    Failed,
    Finished,
    Generate,
    Raw,
    Report,
    Sampling,
    Step,
    Tokenize,
    Tokens,
)

from .answerer import Answerer
from .test_checkpoints import letters
from .test_media import BLUE, RED, Seer, png, write_projector

pytestmark = pytest.mark.model

LARGE = png((10, 200, 10), 560, 560)
"""Read in several batches where those are of 64 rows."""


class Viewer(Answerer):
    """A runner's service with a projector, of which a test decides what happens when."""

    def step(self) -> list[Report]:
        """What one step of the loop brings."""
        self.sink.reports.clear()
        self.service._loop.step()
        return list(self.sink.reports)

    def finish(self) -> list[Report]:
        """What comes until nothing is left to do."""
        reports: list[Report] = []
        while self.service._loop.busy:
            reports += self.step()
        return reports

    def when_reading(self, act: Callable[[], None]) -> None:
        """Call once, when an image was encoded and before it is read."""
        projector: Any = self.opened.projector
        native = projector.read

        def read(*arguments: Any, **options: Any) -> None:
            projector.read = native
            act()
            native(*arguments, **options)

        projector.read = read

    def consistent(self) -> bool:
        """Whether the cache holds just what the slots say."""
        slots = self.service._slots.slots
        return all(
            self.opened.context.last_position(slot.sequence) == len(slot.tokens) - 1
            for slot in slots
        )


def text_of(reports: list[Report], request: int) -> str:
    deltas = [d for report in reports if isinstance(report, Step) for d in report.deltas]
    return "".join(delta.text for delta in deltas if delta.id == request)


def logprobs_of(reports: list[Report], request: int) -> list[float]:
    deltas = [d for report in reports if isinstance(report, Step) for d in report.deltas]
    return [one.logprob for delta in deltas if delta.id == request for one in delta.logprobs]


def asked(number: int, text: str, *images: bytes, length: int = 30) -> Generate:
    sampling = Sampling(temperature=0.0, num_predict=length)
    return Generate(number, Raw(text, images=images), sampling)


def alone(viewer: Viewer, request: Generate) -> str:
    return text_of(viewer.answer(request), request.id)


@pytest.fixture
def viewer(tiny_model: Path, tmp_path: Path) -> Viewer:
    """One that sees each image as four positions."""
    path = tmp_path / "mmproj.gguf"
    write_projector(path)
    return Viewer(tiny_model, projectors=(str(path),), parallel=3)


@pytest.fixture(params=["qwen25vl", "qwen35"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Viewer:
    """One that reads large images in several batches; also one with recurrent layers."""
    model, sight = Seer(request.param, tmp_path).files
    options = {"context_length": 1024, "parallel": 3, "batch": 64, "projectors": (str(sight),)}
    return Viewer(model, **options)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch of the others at each opportunity."""
    monkeypatch.setattr(loop, "STREAM_BUDGET_S", 0.0)


@pytest.mark.usefixtures("impatient")
def test_a_stream_goes_on_while_an_image_is_encoded(viewer: Viewer) -> None:
    stream, picture = asked(1, "<|long|>"), asked(2, "[img-0]ab<|text|>", BLUE)
    wanted = alone(viewer, stream)
    viewer.begin(stream)
    first = viewer.step()
    viewer.begin(picture)
    first += viewer.step()
    meanwhile = viewer.step()
    assert len(text_of(meanwhile, 1).split()) > 5
    assert text_of(meanwhile, 2) == ""
    reports = [*first, *meanwhile, *viewer.finish()]
    assert text_of(reports, 1) == wanted
    assert text_of(reports, 2) == "Hello there friend."


@pytest.mark.usefixtures("impatient")
def test_a_stream_goes_on_while_an_image_is_read(reader: Viewer) -> None:
    stream = asked(1, letters(1, 50))
    # Behind the first token all have about the same chance.
    picture = asked(2, f"ab[img-0]{letters(2, 20)}", LARGE, length=1)
    wanted = [alone(reader, stream), alone(reader, picture)]
    reader.service._slots.forget_all()
    reader.begin(stream)
    first = reader.step()
    reader.begin(picture)
    first += reader.step()
    before: list[int] = []
    reader.when_reading(lambda: before.append(len(reader.sink.reports)))
    meanwhile = reader.step()
    assert text_of(meanwhile[before[0] :], 1)
    reports = [*first, *meanwhile, *reader.finish()]
    assert [text_of(reports, 1), text_of(reports, 2)] == wanted


@pytest.mark.usefixtures("impatient")
def test_a_prompt_that_comes_meanwhile_is_read_and_answered(viewer: Viewer) -> None:
    viewer.begin(asked(1, "[img-0]ab<|text|>", BLUE))
    viewer.step()
    viewer.service._take(asked(2, "<|text|>"))
    viewer.service._take(Tokenize(3, Raw("ab")))
    while viewer.inbox.qsize() < 2:
        threading.Event().wait(0.001)
    meanwhile = viewer.step()
    assert [report.id for report in meanwhile if isinstance(report, Tokens)] == [3]
    assert text_of(meanwhile, 2)
    reports = [*meanwhile, *viewer.finish()]
    assert text_of(reports, 1) == text_of(reports, 2) == "Hello there friend."


@pytest.mark.usefixtures("impatient")
def test_who_begins_with_the_same_text_meanwhile_takes_over_nothing_of_the_image(
    reader: Viewer,
) -> None:
    text = letters(5, 150)
    picture, other = asked(1, f"{text}[img-0]ab", LARGE), asked(2, f"{text}[img-0]ab", RED)
    other = msgspec.structs.replace(other, logprobs=2)
    (wanted,) = logprobs_of(reader.answer(other), 2)[:1]
    reader.service._slots.forget_all()
    reader.begin(picture)
    reader.step()
    (slot,) = reader.service._slots.running
    while loop._next_media(slot) is None:
        reader.step()

    def arrive() -> None:
        reader.service._take(other)
        while reader.inbox.empty():
            threading.Event().wait(0.001)

    reader.when_reading(arrive)
    reports = reader.step()
    assert len(reader.service._slots.running) == 2
    reports += reader.finish()
    assert logprobs_of(reports, 2)[0] == pytest.approx(wanted, abs=5e-3)
    # A state that has seen some of the image is no longer that of the text.
    (cached,) = (r.usage.cached_tokens for r in reports if isinstance(r, Finished) and r.id == 2)
    assert (cached > 0) == (not reader.opened.model.keeps_state)


def test_nobody_waits_longer_than_for_a_prompt(viewer: Viewer) -> None:
    """Steps of others are rare enough for the image to get on."""
    viewer.begin(asked(1, "<|long|>"))
    viewer.step()
    viewer.begin(asked(2, "[img-0]ab<|text|>", BLUE))
    viewer.step()
    assert len(text_of(viewer.step(), 1).split()) <= 1


def test_a_request_is_cancelled_while_its_image_is_encoded(viewer: Viewer) -> None:
    picture = asked(1, "ab[img-0]cd<|text|>", BLUE)
    viewer.begin(picture)
    viewer.step()
    read: list[bool] = []
    viewer.when_reading(lambda: read.append(True))
    viewer.inbox.put(Abort(1))
    (failed,) = viewer.step()
    assert isinstance(failed, Failed)
    assert (failed.id, failed.kind) == (1, "canceled")
    assert not read
    assert not viewer.service._loop.busy
    assert viewer.consistent()
    assert alone(viewer, picture) == "Hello there friend."


def test_a_request_is_cancelled_while_its_image_is_read(reader: Viewer) -> None:
    picture = asked(1, f"ab[img-0]{letters(2, 20)}", LARGE)
    wanted = alone(reader, picture)
    reader.service._slots.forget_all()
    reader.begin(picture)
    reader.step()
    reader.when_reading(lambda: reader.inbox.put(Abort(1)))
    (failed,) = reader.step()
    assert isinstance(failed, Failed)
    assert failed.kind == "canceled"
    assert reader.consistent()
    assert alone(reader, picture) == wanted


def test_a_batch_that_is_stopped_for_a_cancelled_request_is_no_failure(reader: Viewer) -> None:
    def cancel() -> None:
        reader.inbox.put(Abort(1))
        reader.service.interrupt(1)

    reader.begin(asked(1, f"ab[img-0]{letters(2, 20)}", LARGE))
    reader.step()
    reader.when_reading(cancel)
    (failed,) = reader.step()
    assert isinstance(failed, Failed)
    assert failed.kind == "canceled"
    assert reader.consistent()


def test_an_image_that_cannot_be_read_fails_its_request_alone(
    reader: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NativeError("no room")

    reader.begin(asked(1, letters(1, 50)))
    reader.step()
    monkeypatch.setattr(reader.opened.projector, "read", refuse)
    reader.begin(asked(2, "[img-0]ab", LARGE))
    reports = reader.finish()
    assert [(r.id, r.text) for r in reports if isinstance(r, Failed)] == [(2, "no room")]
    assert [r.id for r in reports if isinstance(r, Finished)] == [1]


def test_what_goes_wrong_meanwhile_comes_out(
    viewer: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        raise BrokenPipeError

    viewer.begin(asked(1, "[img-0]ab<|text|>", BLUE))
    viewer.step()
    monkeypatch.setattr(viewer.service._loop, "_attend", fail)
    with pytest.raises(BrokenPipeError):
        viewer.step()
