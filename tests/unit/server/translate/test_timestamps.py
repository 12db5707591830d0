from datetime import UTC, datetime, timedelta, timezone

import pytest

from puna.server.translate.timestamps import local, utc


@pytest.mark.parametrize(
    ("ns", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_500_000_000, "1970-01-01T00:00:01.5Z"),
        (123_456_789, "1970-01-01T00:00:00.123456789Z"),
        (1_795_387_790_000_000_100, "2026-11-22T22:49:50.0000001Z"),
    ],
)
def test_nanoseconds_have_no_zeros_at_their_end(ns: int, text: str) -> None:
    assert utc(ns) == text


def test_local_time_says_its_zone() -> None:
    moment = datetime(2026, 11, 22, 12, 0, 0, 250_000, timezone(timedelta(hours=9)))
    shown = local(moment)
    assert datetime.fromisoformat(shown) == moment
    assert shown.endswith("Z") or shown[-6] in "+-"


def test_a_whole_second_has_no_fraction() -> None:
    assert "." not in local(datetime(2026, 1, 1, tzinfo=UTC))
