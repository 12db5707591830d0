"""Whether a model that is not here would run here."""

from __future__ import annotations

from typing import Any

import pytest

from puna.config.settings import Settings
from puna.engine import memory
from puna.gguf.metadata import ModelInfo
from puna.gguf.reader import read_beginning, read_header
from puna.runner.protocol import LoadOptions
from puna.services.loading import Room
from puna.services.outlook import Fit, Outlook, outlook
from puna.services.surveying import Survey

GIB = 1 << 30
LAPTOP = Room(available=6 * GIB, total=16 * GIB, capacity=14 * GIB)
WORKSTATION = Room(available=22 * GIB, total=64 * GIB, capacity=81 * GIB, gpu=True)
SHAPE = {
    "llama__block_count": 32,
    "llama__context_length": 131072,
    "llama__embedding_length": 4096,
    "llama__attention__head_count": 32,
    "llama__attention__head_count_kv": 8,
}


@pytest.fixture
def seen(gguf: Any) -> Any:
    def seen(weights: int, room: Room, settings: Settings | None = None, **shape: Any) -> Outlook:
        beginning = gguf(**SHAPE | shape)[:1200]
        info = ModelInfo.from_header(read_beginning(beginning, weights))
        survey = Survey(weights, weights, 100 * GIB, weights, sees=False, info=info)
        return outlook(survey, settings or Settings(), room)

    return seen


@pytest.mark.parametrize(
    ("weights", "room", "fit"),
    [
        (GIB, LAPTOP, Fit.CPU),
        (4 * GIB, LAPTOP, Fit.CPU),
        (8 * GIB, LAPTOP, Fit.TIGHT),
        (40 * GIB, LAPTOP, Fit.TOO_BIG),
        (8 * GIB, WORKSTATION, Fit.GPU),
        (40 * GIB, WORKSTATION, Fit.PARTLY),
        (100 * GIB, WORKSTATION, Fit.TOO_BIG),
    ],
)
def test_a_model_is_measured_against_the_machine(
    seen: Any, weights: int, room: Room, fit: Fit
) -> None:
    assert seen(weights, room).fit is fit


def test_some_layers_go_to_a_gpu_that_is_too_small_for_all(seen: Any) -> None:
    found = seen(40 * GIB, WORKSTATION)
    assert found.layers == 32
    assert 10 < found.layers_gpu < 20


def test_the_window_is_the_one_that_a_load_would_choose(seen: Any) -> None:
    roomy = seen(4 * GIB, LAPTOP)
    assert 4096 <= roomy.context_length <= roomy.trained_context == 131072
    assert seen(4 * GIB, LAPTOP, Settings(context_length=2048)).context_length == 2048


def test_a_file_that_says_nothing_of_itself_has_no_verdict() -> None:
    survey = Survey(5, 5, 100, 5, sees=False, info=None)
    found = outlook(survey, Settings(), LAPTOP)
    assert (found.fit, found.memory) == (Fit.UNKNOWN, 0)


@pytest.mark.model
def test_the_beginning_of_a_real_file_gives_the_estimate_of_the_whole(
    smollm2: Any, gemma3: Any
) -> None:
    for path in (smollm2, gemma3):
        data, weights = path.read_bytes()[: 1 << 20], path.stat().st_size
        info = ModelInfo.from_header(read_beginning(data, weights))
        survey = Survey(weights, weights, 100 * GIB, weights, sees=False, info=info)
        found = outlook(survey, Settings(), LAPTOP)
        whole = memory.choose(
            ModelInfo.from_header(read_header(path)),
            LoadOptions(paths=()),
            file_bytes=weights,
            available=LAPTOP.available,
            total=LAPTOP.total,
            capacity=LAPTOP.capacity,
        )
        assert found.fit is Fit.CPU
        assert found.memory == whole.estimate.total
        assert found.context_length == whole.load.context_length
