import math
from typing import Any

import pytest

from puna.errors import StoreDamaged, UnsupportedOption
from puna.options import OPTIONS
from puna.services.option_values import check_stored, keep_alive_of, merge


def test_the_request_beats_the_model_which_beats_the_default() -> None:
    merged = merge({"top_k": 1}, {"top_k": 2, "temperature": 0.5})
    assert (merged.sampling.top_k, merged.sampling.temperature) == (1, 0.5)
    assert merged.sampling.top_p == 0.9


def test_a_list_of_stops_replaces_the_models() -> None:
    assert merge({"stop": ["a"]}, {"stop": ["b", "c"]}).sampling.stop == ("a",)
    assert merge({}, {"stop": ["b", "c"]}).sampling.stop == ("b", "c")


def test_null_leaves_an_option_alone() -> None:
    assert merge({"top_k": None}, {"top_k": 2}).sampling.top_k == 2


def test_integers_may_come_as_floats_and_floats_as_integers() -> None:
    merged = merge({"top_k": 3.9, "temperature": 1}, {})
    assert merged.sampling.top_k == 3
    assert isinstance(merged.sampling.temperature, float)


def test_unknown_names_are_reported_and_old_ones_are_not() -> None:
    assert merge({"nonsense": 1, "mirostat": 2, "numa": True}, {}).unknown == ("nonsense", "numa")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("num_ctx", "x", 'option "num_ctx" must be of type integer'),
        ("seed", True, 'option "seed" must be of type integer'),
        ("temperature", "hot", 'option "temperature" must be of type float32'),
        ("use_mmap", 1, 'option "use_mmap" must be of type boolean'),
        ("stop", "x", 'option "stop" must be of type array'),
        ("stop", [1], 'option "stop" must be of an array of strings'),
        ("stop", ["a"] * 65, 'option "stop" may hold 64 texts at most'),
        ("min_p", 2, 'option "min_p" must be between 0 and 1'),
        ("num_ctx", 10**12, 'option "num_ctx" must be between -2147483647 and 16777216'),
        ("seed", 2**70, 'option "seed" must be between -9.22337203685478e+18 and 9.22337203685478e+18'),
        ("temperature", float("inf"), 'option "temperature" must be between -100 and 100'),
        ("temperature", float("nan"), 'option "temperature" must be between -100 and 100'),
    ],
)  # fmt: skip
def test_wrong_types_and_ranges_are_refused(name: str, value: Any, text: str) -> None:
    with pytest.raises(UnsupportedOption) as caught:
        merge({name: value}, {})
    assert str(caught.value) == text


def test_a_wrong_value_in_the_model_is_not_the_callers_fault() -> None:
    with pytest.raises(StoreDamaged, match='option "temperature" must be of type float32'):
        merge({}, {"temperature": "hot"})


@pytest.mark.parametrize(("asked", "length"), [(None, None), (0, 4), (-5, 4), (3, 4), (100, 100)])
def test_a_window_has_at_least_four_tokens(asked: int | None, length: int | None) -> None:
    assert merge({"num_ctx": asked}, {}).context_length == length


@pytest.mark.parametrize(("asked", "batch"), [(None, None), (0, None), (-1, None), (64, 64)])
def test_a_batch_of_nothing_is_no_wish(asked: int | None, batch: int | None) -> None:
    assert merge({"num_batch": asked}, {}).batch == batch


def test_every_option_has_a_value_or_none() -> None:
    assert set(merge({}, {}).values) == set(OPTIONS)


def test_a_model_may_say_how_long_it_stays() -> None:
    assert keep_alive_of({}) is None
    assert keep_alive_of({"keep_alive": "30m"}) == 1800
    assert keep_alive_of({"keep_alive": -1}) == math.inf
    with pytest.raises(StoreDamaged, match="keep_alive"):
        keep_alive_of({"keep_alive": "soon"})
    with pytest.raises(UnsupportedOption, match="keep_alive"):
        check_stored({"keep_alive": "soon"})
