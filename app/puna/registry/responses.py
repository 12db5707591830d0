"""Reading answers of a registry without trusting their length or encoding."""

from __future__ import annotations

import re
from contextlib import aclosing
from dataclasses import dataclass

import httpx2

from puna.errors import RegistryError

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class ContentRange:
    """``Content-Range`` of a 206 answer; ``last`` is inclusive, ``total`` may be unknown."""

    first: int
    last: int
    total: int | None


def parse_content_range(value: str | None) -> ContentRange | None:
    """Read a ``Content-Range`` header; ``None`` when it is missing or makes no sense.

    Source: RFC 9110, section 14.4.
    """
    found = _RANGE.fullmatch((value or "").strip())
    if found is None:
        return None
    first, last = int(found[1]), int(found[2])
    total = None if found[3] == "*" else int(found[3])
    if last < first or (total is not None and last >= total):
        return None
    return ContentRange(first, last, total)


def content_length(response: httpx2.Response) -> int | None:
    """The promised length of a body in bytes, ``None`` when there is none."""
    value = response.headers.get("Content-Length", "")
    return int(value) if value.isdecimal() and len(value) < 19 else None


def refuse_encoding(response: httpx2.Response) -> None:
    """Bodies must come as they are: a few compressed bytes could unpack to any size.

    Raises:
        RegistryError: the body is compressed although nobody asked for it.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise RegistryError(f"the registry sent a compressed answer ({encoding[:20]!r})")


async def read_bounded(response: httpx2.Response, limit: int) -> bytes:
    """Read a whole streamed body of at most ``limit`` bytes and close the answer.

    Raises:
        RegistryError: the body is longer, or compressed.
    """
    try:
        refuse_encoding(response)
        if (content_length(response) or 0) > limit:
            raise _too_long(limit)
        body = bytearray()
        async with aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) > limit:
                    raise _too_long(limit)
        return bytes(body)
    finally:
        await response.aclose()


async def read_start(response: httpx2.Response, limit: int) -> bytes:
    """Read the first ``limit`` bytes of an answer and close it; never fails for its size."""
    body = bytearray()
    try:
        async with aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                body += chunk
                if len(body) >= limit:
                    break
    finally:
        await response.aclose()
    return bytes(body[:limit])


def _too_long(limit: int) -> RegistryError:
    return RegistryError(f"the answer of the registry is longer than {limit} bytes")
