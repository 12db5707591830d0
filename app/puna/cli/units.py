"""Sizes, numbers, times and durations in the words that people read.

Source: contract ``ollama-store-registry-cli`` 6.3.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from puna.config.values import parse_duration

_SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"))
_FOREVER = timedelta(days=20 * 365)
_FRACTION = re.compile(r"\.(\d{6})\d+")


def human_bytes(size: int) -> str:
    """``4.7 GB``: decimal units, one digit behind the point below ten."""
    for factor, unit in _SIZES:
        if size >= factor:
            value = size / factor
            whole = value >= 10 or value == int(value)
            return f"{int(value)} {unit}" if whole else f"{value:.1f} {unit}"
    return f"{size} B"


def human_number(number: int) -> str:
    """``8B``, ``134.52M``, ``121K``."""
    if number >= 10**9:
        value = number / 10**9
        return f"{value:.0f}B" if value == int(value) else f"{value:.1f}B"
    if number >= 10**6:
        value = number / 10**6
        return f"{value:.0f}M" if value == int(value) else f"{value:.2f}M"
    return f"{number / 1000:.0f}K" if number >= 1000 else str(number)


def human_time(moment: datetime | None, now: datetime, zero: str) -> str:
    """``3 days ago``, ``4 minutes from now``, ``Forever``; ``zero`` when there is no time."""
    if moment is None:
        return zero
    passed = now - moment
    if passed < -_FOREVER:
        return "Forever"
    if passed < timedelta(0):
        return f"{_rough(-passed)} from now"
    return f"{_rough(passed)} ago"


def parse_time(text: str) -> datetime | None:
    """A time of the API, ``None`` for Go's zero time and for what is no time."""
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r".\1", text))
    except ValueError:
        return None
    if moment.year <= 1:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def duration(nanoseconds: int) -> str:
    """A duration as Go prints it: ``1m2.5s``, ``12.3ms``."""
    if nanoseconds < 1000:
        return f"{nanoseconds}ns" if nanoseconds else "0s"
    for factor, unit in ((1000, "µs"), (10**6, "ms")):
        if nanoseconds < factor * 1000:
            return f"{_plain(Decimal(nanoseconds) / factor)}{unit}"
    minutes, rest = divmod(nanoseconds, 60 * 10**9)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_plain(Decimal(rest) / 10**9)}s"
    if hours:
        return f"{hours}h{minutes}m{seconds}"
    return f"{minutes}m{seconds}" if minutes else seconds


def remaining(seconds: float) -> str:
    """A time to wait in at most two units: ``1m50s``, ``2h5m``, ``99h+``."""
    whole = int(seconds)
    if whole >= 100 * 3600:
        return "99h+"
    if whole >= 3600:
        return f"{whole // 3600}h{whole % 3600 // 60}m"
    return duration(whole * 10**9)


def check_duration(text: str) -> str:
    """A duration that Go understands, unchanged.

    Raises:
        InvalidInput: with Go's words.
    """
    parse_duration(text)
    return text


def go_number(value: float) -> str:
    """A number as Go's ``%g`` prints it: ``1e-05``, ``2.2565376e+07``."""
    if isinstance(value, bool) or not math.isfinite(value):
        return str(value).lower()
    if value == 0:
        return "0"
    mantissa, exponent = _scientific(value)
    if -4 <= exponent < 6:
        return _plain(Decimal(repr(value)))
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def json_number(value: float) -> str:
    """A number as Go writes it in JSON: no exponent from 1e-6 up to 1e21."""
    if value == 0:
        return "0"
    mantissa, exponent = _scientific(value)
    if -6 <= exponent < 21:
        return _plain(Decimal(repr(value)))
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent)}"


def _scientific(value: float) -> tuple[str, int]:
    number = Decimal(repr(value)).normalize()
    exponent = number.adjusted()
    return _plain(number.scaleb(-exponent)), exponent


def _plain(number: Decimal) -> str:
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rough(span: timedelta) -> str:
    seconds = span.total_seconds()
    hours = math.floor(seconds / 3600 + 0.5)
    if seconds < 1:
        return "Less than a second"
    if seconds < 2:
        return "1 second"
    if seconds < 60:
        return f"{int(seconds)} seconds"
    if seconds < 120:
        return "About a minute"
    if seconds < 3600:
        return f"{int(seconds / 60)} minutes"
    if hours == 1:
        return "About an hour"
    if hours < 48:
        return f"{hours} hours"
    if hours < 24 * 7 * 2:
        return f"{hours // 24} days"
    if hours < 24 * 30 * 2:
        return f"{hours // 24 // 7} weeks"
    if hours < 24 * 365 * 2:
        return f"{hours // 24 // 30} months"
    return f"{int(seconds / 3600) // 24 // 365} years"
