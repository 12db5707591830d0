import math

import pytest

from puna.config.values import parse_bool, parse_duration, parse_keep_alive
from puna.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("300ms", 0.3), ("10s", 10), ("5m", 300), ("1h30m", 5400), ("0", 0), ("-1m", -60), ("1.5h", 5400), (".5s", 0.5), ("+2s", 2), ("1µs", 1e-6), ("2562047h", 9223369200)],
)  # fmt: skip
def test_a_duration_is_read_as_go_reads_it(text: str, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("5", 'time: missing unit in duration "5"'),
        ("-1", 'time: missing unit in duration "-1"'),
        ("abc", 'time: invalid duration "abc"'),
        ("", 'time: invalid duration ""'),
        (" 5m", 'time: invalid duration " 5m"'),
        ("é\n", r'time: invalid duration "\xc3\xa9\x0a"'),
        ('5"', r'time: unknown unit "\"" in duration "5\""'),
        ("\\", r'time: invalid duration "\\"'),
        ("1d", 'time: unknown unit "d" in duration "1d"'),
        ("-999999999h", 'time: invalid duration "-999999999h"'),
    ],
)
def test_a_bad_duration_has_gos_text(text: str, error: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_duration(text)
    assert str(caught.value) == error


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30), ("-1", math.inf), ("5m", 300), ("-1s", math.inf), ("0", 0)]
)
def test_a_keep_alive_may_be_a_bare_number(text: str, seconds: float) -> None:
    assert parse_keep_alive(text) == seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", True), ("TRUE", True), ("f", False), ("False", False), ("yes", None), ("tRUE", None)],
)
def test_a_boolean_is_read_as_go_reads_it(text: str, value: bool | None) -> None:
    assert parse_bool(text) is value
