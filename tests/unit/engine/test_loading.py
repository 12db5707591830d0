from __future__ import annotations

from typing import Any

import pytest

from puna.engine.config import ModelSpec
from puna.engine.loading import fewer_layers, open_with_remedies, smaller_windows
from puna.errors import ModelLoadError, OutOfMemory
from puna.runner.protocol import LoadOptions


def spec(context: int | None = 65536, *, auto: bool = True) -> ModelSpec:
    return ModelSpec("k", "m", LoadOptions(paths=("m",), context_length=context), 1, auto)


class Opener:
    """Opens what fits; notes each attempt. Room is made by ``make_room``."""

    def __init__(self, fits: int, *, alone_fits: int | None = None, others: bool = False) -> None:
        self.fits = fits
        self.alone_fits = alone_fits or fits
        self.others = others
        self.attempts: list[int | None] = []

    async def attempt(self, one: ModelSpec) -> int:
        self.attempts.append(one.load.context_length)
        length = one.load.context_length or 0
        if length > self.fits:
            raise OutOfMemory(f"no memory for {length}")
        return length

    async def make_room(self) -> bool:
        self.fits = self.alone_fits
        return self.others

    async def run(self, one: ModelSpec) -> Any:
        return await open_with_remedies(one, self.attempt, self.make_room)


async def test_what_fits_is_opened_once() -> None:
    opener = Opener(65536)
    assert await opener.run(spec()) == 65536
    assert opener.attempts == [65536]


async def test_other_models_make_room_first() -> None:
    opener = Opener(1, alone_fits=65536, others=True)
    assert await opener.run(spec()) == 65536
    assert opener.attempts == [65536, 65536]


async def test_an_automatic_window_shrinks_until_it_fits() -> None:
    opener = Opener(5000, others=True)
    assert await opener.run(spec()) == 4096
    assert opener.attempts == [65536, 65536, 32768, 8192, 4096]


async def test_an_asked_window_does_not_shrink() -> None:
    with pytest.raises(OutOfMemory, match="no memory for 65536"):
        await Opener(5000).run(spec(auto=False))


async def test_the_first_error_is_reported_when_nothing_helps() -> None:
    with pytest.raises(OutOfMemory, match="no memory for 65536"):
        await Opener(0).run(spec())


async def test_other_failures_are_not_retried() -> None:
    async def refuse(_: ModelSpec) -> int:
        raise ModelLoadError("bad file")

    with pytest.raises(ModelLoadError, match="bad file"):
        await open_with_remedies(spec(), refuse, Opener(0).make_room)


def test_a_smaller_window_has_room_for_one_conversation() -> None:
    assert [one.load.cells for one in smaller_windows(spec(10_000))] == [8192, 4096, 2048]


def test_less_of_a_model_goes_to_the_gpu_when_its_memory_does_not_suffice() -> None:
    load = LoadOptions(paths=("m",), layers_fit=33)
    assert [one.load.layers_fit for one in fewer_layers(ModelSpec("k", "m", load))] == [24, 16, 0]


def test_an_asked_number_of_layers_is_kept() -> None:
    load = LoadOptions(paths=("m",), gpu_layers=33, layers_fit=33)
    assert not list(fewer_layers(ModelSpec("k", "m", load)))
