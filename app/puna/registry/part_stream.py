"""The body of one answer, written to where it belongs in an unfinished blob."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import aclosing

import httpx2

from puna.errors import RegistryError
from puna.registry.faults import ConnectionLost, transport_error
from puna.registry.progress import Progress
from puna.registry.responses import content_length, parse_content_range, refuse_encoding
from puna.registry.threads import settled
from puna.store.partial import Part, PartialBlob

_PIECE = 1 << 20
"""Bytes that are worth a write of their own."""

_WRITE_S = 0.05
"""Seconds after which fewer bytes are, so that a slow download shows its progress."""


class SizeMismatch(RegistryError):
    """The registry's blob is longer or shorter than its manifest says."""


class RangesIgnored(RegistryError):
    """The answer to a range is the whole blob."""


def check_answer(response: httpx2.Response, first: int, last: int, total: int) -> None:
    """Whether the body is what was asked for: the bytes ``first`` to ``last`` of ``total``.

    A 206 without ``Content-Range`` is taken at its word; the hash has the last.

    Raises:
        SizeMismatch: the blob has another size than ``total``.
        RangesIgnored: the whole blob comes instead of the range.
        RegistryError: anything else; the next answer may be right.
    """
    refuse_encoding(response)
    status, header = response.status_code, response.headers.get("Content-Range")
    if status == 206:
        _check_range(header, first, total)
    elif status == 416:
        _check_unsatisfied(header, total)
    elif status != 200:
        raise RegistryError(f"unexpected status code {status}")
    elif (first, last) != (0, total - 1):
        raise RangesIgnored("the registry does not send parts of a blob")
    elif (content_length(response) or total) < total:
        raise RegistryError(f"{content_length(response)} bytes came instead of {total}")


def _check_range(header: str | None, first: int, total: int) -> None:
    found = parse_content_range(header)
    if found is None and header:
        raise RegistryError("the registry sent an invalid Content-Range")
    if found is not None and found.total not in (None, total):
        raise _other_size(total, str(found.total))
    if found is not None and found.first != first:
        raise RegistryError("the registry sent another range than asked for")


def _check_unsatisfied(header: str | None, total: int) -> None:
    size = (header or "").strip().removeprefix("bytes */")
    if size.isdecimal() and size != str(total):
        raise _other_size(total, size)
    raise RegistryError("416: the registry does not have the rest of the blob")


def _other_size(total: int, found: str) -> SizeMismatch:
    return SizeMismatch(f"size mismatch: the manifest says {total} bytes, the blob has {found}")


async def write_body(
    response: httpx2.Response, partial: PartialBlob, parts: Sequence[Part], progress: Progress
) -> None:
    """Write the body to the free ends of adjoining parts until they are full.

    What has come before a failure is kept.

    Raises:
        ConnectionLost: the body ended early or stood still.
        NoSpace, StoreError: it cannot be written.
    """
    left = sum(part.size - part.completed for part in parts)
    sink = _Sink(partial, parts, progress)
    try:
        async with aclosing(response.aiter_raw()) as chunks:
            async for chunk in chunks:
                await sink.add(chunk[:left])
                left -= min(len(chunk), left)
                if not left:
                    break
    except httpx2.TransportError as error:
        raise transport_error(response.request, error) from error
    finally:
        await sink.flush()
    if left:
        raise ConnectionLost("the answer ended too early")


class _Sink:
    """Collects small pieces, and writes large ones in a thread while others come in."""

    def __init__(self, partial: PartialBlob, parts: Sequence[Part], progress: Progress) -> None:
        self._partial = partial
        self._parts = parts
        self._progress = progress
        self._collected: list[bytes] = []
        self._size = 0
        self._writing: asyncio.Task[None] | None = None
        self._began = 0.0

    async def add(self, data: bytes) -> None:
        """Take ``data``; waits only when the disk is slower than the network."""
        self._collected.append(data)
        self._size += len(data)
        now = asyncio.get_running_loop().time()
        if self._size >= _PIECE or now - self._began > _WRITE_S:
            await self._settle()
            self._began = now
            self._begin()

    async def flush(self) -> None:
        """Write everything, also when the caller is being cancelled.

        Raises:
            NoSpace, StoreError: it could not be written.
        """
        await self._settle()
        self._begin()
        await self._settle()

    def _begin(self) -> None:
        data = b"".join(self._collected)  # of one piece, the piece itself
        self._collected, self._size = [], 0
        self._writing = asyncio.create_task(settled(self._write, data))
        self._writing.add_done_callback(self._count)

    async def _settle(self) -> None:
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.wait({writing})
            raise

    def _count(self, _: asyncio.Task[None]) -> None:
        self._progress.reach(self._partial.completed)

    def _write(self, data: bytes) -> None:
        for part, piece in _divided(self._parts, data):
            self._partial.write_at(part, piece)


def _divided(parts: Sequence[Part], data: bytes) -> Iterator[tuple[Part, bytes]]:
    """Cut ``data`` at the ends of the parts."""
    for part in parts:
        room = part.size - part.completed
        if room and data:
            yield part, data[:room]
            data = data[room:]
