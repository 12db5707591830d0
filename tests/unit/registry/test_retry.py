from datetime import UTC, datetime

import pytest

from puna.registry.retry import RetryPolicy, parse_retry_after

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("9" * 400, 999_999_999.0),
        ("-3", None),
        ("soon", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_a_number_or_a_date(value: str | None, seconds: float | None):
    assert parse_retry_after(value, now=NOW) == seconds


def test_the_delay_doubles_within_a_quarter_and_ends_at_the_cap():
    policy = RetryPolicy(base_s=1.0, cap_s=10.0)
    for attempt, middle in enumerate((1, 2, 4, 8, 10, 10)):
        assert middle * 0.75 <= policy.delay_s(attempt) <= middle * 1.25


def test_a_server_may_choose_the_delay_up_to_the_cap():
    policy = RetryPolicy(cap_s=10.0)
    assert policy.delay_s(0, 3.0) == 3.0
    assert policy.delay_s(0, 3600.0) == 10.0


async def test_waiting_uses_the_given_clock():
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    await RetryPolicy(sleep=sleep).wait(0, 2.5)
    assert waits == [2.5]
