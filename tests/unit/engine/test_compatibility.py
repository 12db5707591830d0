from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from puna.engine.compatibility import Opened, serves
from puna.engine.config import ModelSpec
from puna.runner.protocol import Adapter, Draft, LoadOptions

LOAD = LoadOptions(paths=("m.gguf",), context_length=4096, threads=4, batch=512)


def spec(*, auto: bool = False, **changes: Any) -> ModelSpec:
    return ModelSpec("k", "m", msgspec.structs.replace(LOAD, **changes), auto_context=auto)


OPENED = Opened(spec(), 4096, trained_context=8192)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"context_length": 2048}, True),
        ({"context_length": 4097}, False),
        ({"context_length": None}, True),
        ({"threads": 8}, False),
        ({"threads": None}, True),
        ({"batch": 64}, False),
        ({"gpu_layers": 0}, False),
        ({"main_gpu": 1}, False),
        ({"mmap": True}, False),
        ({"draft": Draft("d", 4)}, False),
        ({"projectors": ("p",)}, False),
        ({"embedding": True}, False),
        ({"kv_overrides": {"a": 1}}, False),
        ({"parallel": 2}, True),
        ({"kv_type": "q8_0"}, True),
        ({"flash_attention": "off"}, True),
        ({"state_folder": "/s"}, True),
    ],
)
def test_an_idle_model_is_reloaded_only_for_options_that_matter(
    changes: dict[str, Any], expected: bool
) -> None:
    assert serves(OPENED, spec(**changes), busy=False) is expected


@pytest.mark.parametrize("changes", [{"threads": 8}, {"batch": 64}])
def test_a_busy_model_is_not_reloaded_for_its_tuning(changes: dict[str, Any]) -> None:
    assert serves(OPENED, spec(**changes), busy=True)


def test_another_key_is_another_model() -> None:
    assert not serves(OPENED, replace(spec(), key="other"), busy=False)


def test_an_automatic_window_serves_any_automatic_one() -> None:
    opened = Opened(spec(auto=True), 2048, trained_context=8192)
    assert serves(opened, spec(auto=True, context_length=8192), busy=False)
    assert not serves(opened, spec(context_length=8192), busy=False)


def test_an_asked_small_window_does_not_serve_a_larger_automatic_one() -> None:
    opened = Opened(spec(context_length=256), 256, trained_context=8192)
    assert not serves(opened, spec(auto=True, context_length=4096), busy=False)


def test_a_window_over_the_trained_length_means_the_trained_length() -> None:
    opened = Opened(spec(context_length=100_000), 8192, trained_context=8192)
    assert serves(opened, spec(context_length=100_000), busy=False)


def test_models_that_differ_in_adapters_share_a_runner() -> None:
    assert serves(OPENED, replace(spec(), adapters=(Adapter("a"),)), busy=False)
