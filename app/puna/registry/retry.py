"""When a request to a registry is tried again, and after how long."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Bounded exponential back-off with jitter.

    Attributes:
        tries: attempts in all.
        base_s: seconds before the second attempt; doubles each time.
        cap_s: most seconds between two attempts, also when a server asks for more.
        sleep: how to wait; tests pass their own.
    """

    tries: int = 3
    base_s: float = 0.5
    cap_s: float = 30.0
    sleep: Sleep = asyncio.sleep

    def delay_s(self, attempt: int, retry_after: float | None = None) -> float:
        """Seconds to wait after attempt number ``attempt`` (0 is the first)."""
        if retry_after is not None:
            return min(retry_after, self.cap_s)
        return float(min(self.base_s * 2**attempt, self.cap_s) * random.uniform(0.75, 1.25))

    async def wait(self, attempt: int, retry_after: float | None = None) -> None:
        """Wait before the attempt that follows number ``attempt``."""
        await self.sleep(self.delay_s(attempt, retry_after))


def parse_retry_after(value: str | None, *, now: datetime | None = None) -> float | None:
    """Seconds of a ``Retry-After`` header (a number or a date), ``None`` when absent or odd.

    Source: RFC 9110, section 10.2.3.
    """
    if not value:
        return None
    text = value.strip()
    if text.isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - (now or datetime.now(UTC))).total_seconds())
