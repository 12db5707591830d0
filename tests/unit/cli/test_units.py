from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from puna.cli.units import (
    check_duration,
    duration,
    go_number,
    human_bytes,
    human_number,
    human_time,
    json_number,
    parse_time,
    remaining,
)
from puna.errors import InvalidInput

NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (156, "156 B"),
        (1000, "1 KB"),
        (1900, "1.9 KB"),
        (491_234, "491 KB"),
        (98_999_999, "98 MB"),
        (4_700_000_000, "4.7 GB"),
        (2 * 10**12, "2 TB"),
    ],
)
def test_sizes_have_decimal_units(size: int, text: str) -> None:
    assert human_bytes(size) == text


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (999, "999"),
        (120_640, "121K"),
        (134_515_008, "134.52M"),
        (9 * 10**9, "9B"),
        (8_030_000_000, "8.0B"),
        (2_000_000, "2M"),
    ],
)
def test_numbers_are_shortened(number: int, text: str) -> None:
    assert human_number(number) == text


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(milliseconds=3), "Less than a second ago"),
        (timedelta(seconds=1.5), "1 second ago"),
        (timedelta(seconds=59), "59 seconds ago"),
        (timedelta(seconds=60), "About a minute ago"),
        (timedelta(minutes=59), "59 minutes ago"),
        (timedelta(minutes=60), "About an hour ago"),
        (timedelta(hours=47), "47 hours ago"),
        (timedelta(days=13), "13 days ago"),
        (timedelta(days=59), "8 weeks ago"),
        (timedelta(days=700), "23 months ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(minutes=-4.5), "4 minutes from now"),
        (timedelta(days=-365 * 100), "Forever"),
    ],
)
def test_times_are_told_roughly(span: timedelta, text: str) -> None:
    assert human_time(NOW - span, NOW, "Never") == text


def test_a_missing_time_has_its_own_word() -> None:
    assert human_time(parse_time("0001-01-01T00:00:00Z"), NOW, "Never") == "Never"
    assert parse_time("soon") is None


def test_a_time_with_nanoseconds_is_read() -> None:
    assert parse_time("2026-01-02T00:00:00.123456789Z") == NOW.replace(microsecond=123456)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0s"),
        (999, "999ns"),
        (1500, "1.5µs"),
        (12_300_000, "12.3ms"),
        (1_234_567_890, "1.23456789s"),
        (62_500_000_000, "1m2.5s"),
        (3600 * 10**9, "1h0m0s"),
    ],
)
def test_durations_are_printed_as_go_does(nanoseconds: int, text: str) -> None:
    assert duration(nanoseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.9, "0s"), (110, "1m50s"), (7500, "2h5m"), (360_000, "99h+")],
)
def test_remaining_time_has_two_units(seconds: float, text: str) -> None:
    assert remaining(seconds) == text


@pytest.mark.parametrize("text", ["0", "5m", "-1s", "1h30m", "1.5h", "+300ms", "-0", ".5s"])
def test_a_duration_of_go_is_accepted(text: str) -> None:
    assert check_duration(text) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("60", 'time: missing unit in duration "60"'),
        ("1h5", 'time: missing unit in duration "1h5"'),
        ("soon", 'time: invalid duration "soon"'),
        ("", 'time: invalid duration ""'),
        ("-", 'time: invalid duration "-"'),
        ("1 s", 'time: unknown unit " s" in duration "1 s"'),
    ],
)
def test_another_duration_is_refused_in_go_words(text: str, reason: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_duration(text)
    assert str(caught.value) == reason


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.0, "0"),
        (8192, "8192"),
        (0.5, "0.5"),
        (1e-05, "1e-05"),
        (0.0001, "0.0001"),
        (22565376, "2.2565376e+07"),
        (1000000.0, "1e+06"),
        (-3.25, "-3.25"),
        (float("inf"), "inf"),
    ],
)
def test_a_number_is_printed_as_go_does(value: float, text: str) -> None:
    assert go_number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.000010102292, "-0.000010102292"),
        (1e-7, "1e-7"),
        (1.0, "1"),
        (1e21, "1e+21"),
        (123456789012.0, "123456789012"),
    ],
)
def test_a_number_is_written_in_json_as_go_does(value: float, text: str) -> None:
    assert json_number(value) == text
