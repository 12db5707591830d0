import math
from typing import Any

import pytest

from puna.api.fields import read_arguments, read_keep_alive, read_think
from puna.chat.messages import Think
from puna.errors import InvalidInput


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(5, 5), (90.5, 90.5), (0, 0), (-1, math.inf), (-0.5, math.inf), ("5m", 300), ("0", 0), ("-1m", math.inf), ("5", 5), ("-1", math.inf)],
)  # fmt: skip
def test_keep_alive_is_a_number_or_a_duration(value: Any, seconds: float) -> None:
    assert read_keep_alive(value) == seconds


@pytest.mark.parametrize("value", [1e300, 10**30, 10_000_000_000])
def test_a_huge_keep_alive_stays_a_long_time(value: Any) -> None:
    assert 9e9 < read_keep_alive(value) < math.inf


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "Unsupported type: 'bool'"),
        ([], "Unsupported type: '[]interface {}'"),
        ({}, "Unsupported type: 'map[string]interface {}'"),
        ("abc", 'time: invalid duration "abc"'),
        ("", 'time: invalid duration ""'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
    ],
)
def test_a_bad_keep_alive_is_refused(value: Any, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_keep_alive(value)
    assert str(caught.value) == text


def test_think_is_a_boolean_or_a_level() -> None:
    assert read_think(False) == Think(False)
    assert read_think("high") == Think(True, "high")


@pytest.mark.parametrize("value", ["", "ultra", "LOW", 5, {}])
def test_other_think_values_are_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match="think"):
        read_think(value)


def test_tool_arguments_must_be_an_object() -> None:
    assert read_arguments({"b": 1, "a": 2}) == {"b": 1, "a": 2}
    with pytest.raises(InvalidInput, match="Value looks like object"):
        read_arguments('{"a": 1}')
