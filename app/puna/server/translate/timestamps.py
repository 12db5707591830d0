"""Times as Go writes them."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def utc_now() -> str:
    """The time now: RFC 3339, UTC, nanoseconds without zeros at the end."""
    return utc(time.time_ns())


def utc(ns: int) -> str:
    """``ns`` since 1970 as RFC 3339 in UTC."""
    seconds, fraction = divmod(ns, 1_000_000_000)
    text = _utc_second(seconds)
    digits = f"{fraction:09d}".rstrip("0")
    return f"{text}.{digits}Z" if digits else f"{text}Z"


@lru_cache(maxsize=16)
def _utc_second(seconds: int) -> str:
    # Every line of a stream has a time, and most lines of a second share this part.
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def local(moment: datetime) -> str:
    """``moment`` as RFC 3339 in the zone of this machine."""
    here = moment.astimezone()
    text = here.strftime("%Y-%m-%dT%H:%M:%S")
    digits = f"{here.microsecond:06d}".rstrip("0")
    offset = here.strftime("%z")
    zone = "Z" if offset in ("+0000", "") else f"{offset[:3]}:{offset[3:]}"
    return f"{text}.{digits}{zone}" if digits else f"{text}{zone}"
