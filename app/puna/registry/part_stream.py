"""The body of one answer, written to where it belongs in an unfinished blob."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import aclosing

import httpx2

from puna.errors import RegistryError
from puna.registry.faults import ConnectionLost, transport_error
from puna.registry.progress import Progress
from puna.registry.responses import content_length, parse_content_range, refuse_encoding
from puna.registry.streams import body_pieces
from puna.registry.threads import WriteBehind
from puna.store.partial import Part, PartialBlob


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

    def write(data: bytes) -> None:
        for part, piece in _divided(parts, data):
            partial.write_at(part, piece)

    left = sum(part.size - part.completed for part in parts)
    is_exact = content_length(response) == left
    sink = WriteBehind(write, lambda: progress.reach(partial.completed))
    try:
        async with aclosing(body_pieces(response)) as pieces:
            async for piece in pieces:
                await sink.add(piece[:left])
                left -= min(len(piece), left)
                if not left and not is_exact:  # read to its end, a connection can be used again
                    break
    except httpx2.TransportError as error:
        raise transport_error(response.request, error) from error
    finally:
        await sink.flush()
        progress.reach(partial.completed)
    if left:
        raise ConnectionLost("the answer ended too early")


def _divided(parts: Sequence[Part], data: bytes) -> Iterator[tuple[Part, bytes]]:
    """Cut ``data`` at the ends of the parts."""
    for part in parts:
        room = part.size - part.completed
        if room and data:
            yield part, data[:room]
            data = data[room:]
