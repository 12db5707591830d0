"""The models to begin with, measured against a machine."""

from __future__ import annotations

import pytest

from puna.config.settings import Settings
from puna.names import ModelName
from puna.services.catalogue import CATALOGUE, measured, recommendations
from puna.services.loading import Room
from puna.services.outlook import Fit

GIB = 1 << 30
SMALL = Room(available=4 * GIB, total=8 * GIB, capacity=6 * GIB)
LARGE = Room(available=100 * GIB, total=128 * GIB, capacity=115 * GIB)


def test_every_name_can_be_pulled_and_appears_once() -> None:
    names = [ModelName.checked(offer.name).display for offer in CATALOGUE]
    assert names == [offer.name for offer in CATALOGUE]
    assert len(set(names)) == len(names)


def test_a_large_machine_runs_all_and_a_small_one_some() -> None:
    assert {measured(offer, 0, Settings(), LARGE).fit for offer in CATALOGUE} == {Fit.CPU}
    fits = [measured(offer, 0, Settings(), SMALL).fit for offer in CATALOGUE]
    assert set(fits) == {Fit.CPU, Fit.TIGHT, Fit.TOO_BIG}


@pytest.mark.parametrize("offer", CATALOGUE, ids=lambda offer: offer.name)
def test_the_estimate_is_more_than_the_weights_and_less_than_three_times_them(offer) -> None:
    found = measured(offer, 0, Settings(), LARGE)
    assert offer.size < found.memory < 3 * offer.size
    assert 0 < found.context_length <= offer.context_length


def test_recommendations_are_of_the_two_kinds_that_ollama_has() -> None:
    kinds = {tuple(found) for found in recommendations()}
    assert kinds == {
        ("model", "description", "context_length", "max_output_tokens"),
        ("model", "description", "vram_bytes"),
    }
