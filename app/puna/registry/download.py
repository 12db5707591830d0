"""One blob from a registry into the store: in parts, resumable, verified.

Parts are fetched in the order of the file, and another connection is opened
only while the SHA-256 that follows the download waits for bytes: so a fast
network is not slowed by its own hash at the end, and a slow one gets all the
connections that help.

Source: ``ollama-store-registry-cli`` contract, 2.7 and 3.1.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass

from puna.errors import DigestMismatch, ManifestUnknown, RegistryDenied, RegistryError
from puna.registry.client import RegistryClient
from puna.registry.faults import StatusError
from puna.registry.part_stream import RangesIgnored, SizeMismatch, check_answer, write_body
from puna.registry.progress import Progress
from puna.registry.threads import settled
from puna.store.manifests import Descriptor
from puna.store.partial import Part, PartialBlob

logger = logging.getLogger(__name__)

_HASH_PIECE = 32 << 20
_IDLE_S = 0.02


@dataclass(frozen=True, slots=True)
class Pace:
    """How hard to try.

    Attributes:
        connections: most parts at a time.
        ramp_s: seconds between two new connections.
        tries: attempts in a row without a single new byte before a part is given up.
    """

    connections: int = 16
    ramp_s: float = 0.25
    tries: int = 6


async def download_blob(
    client: RegistryClient,
    partial: PartialBlob,
    blob: Descriptor,
    progress: Progress,
    pace: Pace | None = None,
) -> None:
    """Fetch what is missing of a blob, verify it and give it its name.

    Cancelled or failed, it leaves what it has for the next time.

    Raises:
        DigestMismatch: other bytes than the digest says; nothing is kept.
        ManifestUnknown, RegistryDenied, RegistryError: the registry does not give it.
        NoSpace, StoreError: it cannot be written.
    """
    download = _Download(client, partial, blob, progress, pace or Pace())
    try:
        await download.run()
    except DigestMismatch:
        if not download.resumed:
            raise
        # Bytes of an earlier run may be to blame; this run alone may still be right.
        logger.warning("the partial download of %s was damaged, starting again", blob.digest.short)
        await download.run()


class _Download:
    """The connections, the hash and the records of one blob."""

    def __init__(
        self,
        client: RegistryClient,
        partial: PartialBlob,
        blob: Descriptor,
        progress: Progress,
        pace: Pace,
    ) -> None:
        self.resumed = False
        self._client = client
        self._partial = partial
        self._blob = blob
        self._progress = progress
        self._pace = pace
        self._hash_waits = True

    async def run(self) -> None:
        """Fetch all parts that are not there, then finish the blob."""
        try:
            await settled(self._partial.open, self._blob.size)
            self.resumed = self._partial.completed > 0
            self._progress.reach(self._partial.completed)
            await self._fetch_all()
            await settled(self._partial.finish, self._blob.digest)
        finally:
            await settled(self._partial.close)
        self._progress.finish()

    async def _fetch_all(self) -> None:
        if not self.resumed:
            await self._client.head_blob(str(self._blob.digest))
        try:
            await self._beside_hash(self._fetch_parts())
        except RangesIgnored:
            await self._beside_hash(self._fetch_whole())

    async def _beside_hash(self, fetching: Coroutine[None, None, None]) -> None:
        """Fetch while the hash and the records keep up; the first error ends all."""
        try:
            async with asyncio.TaskGroup() as group:
                beside = [group.create_task(self._hash()), group.create_task(self._record())]
                await group.create_task(fetching)
                for task in beside:
                    task.cancel()
        except BaseExceptionGroup as errors:
            raise _first(errors) from None

    async def _hash(self) -> None:
        while True:
            hashed = await settled(self._partial.hash_some, _HASH_PIECE)
            self._hash_waits = hashed < _HASH_PIECE
            if self._hash_waits:
                await asyncio.sleep(_IDLE_S)

    async def _record(self) -> None:
        while True:
            if self._partial.checkpoint_due:
                await settled(self._partial.checkpoint)
            await asyncio.sleep(_IDLE_S)

    async def _fetch_parts(self) -> None:
        waiting = deque(part for part in self._partial.parts if not part.done)
        workers: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as group:
            while waiting and len(workers) < self._pace.connections:
                if self._hash_waits or not workers:
                    workers.add(group.create_task(self._work(waiting)))
                await asyncio.wait(workers, timeout=self._pace.ramp_s)

    async def _work(self, waiting: deque[Part]) -> None:
        while waiting:
            part = waiting.popleft()
            await self._persist([part])

    async def _fetch_whole(self) -> None:
        await self._persist(self._partial.parts, anew=True)

    async def _persist(self, parts: Sequence[Part], *, anew: bool = False) -> None:
        """Try until the parts are full; ``anew``: each try begins with the first byte."""
        failures = 0
        while not all(part.done for part in parts):
            before = _completed(parts)
            try:
                await self._stream(parts, anew=anew)
            except RegistryError as error:
                failures = 1 if _completed(parts) > before else failures + 1
                if _is_final(error):
                    raise
                if failures >= self._pace.tries:
                    raise RegistryError(f"max retries exceeded: {error}") from error
                logger.info("blob %s: %s; trying again", self._blob.digest.short, error)
                await self._client.retry.wait(failures - 1, _retry_after(error))

    async def _stream(self, parts: Sequence[Part], *, anew: bool) -> None:
        """One request for adjoining parts."""
        if anew:
            await settled(self._partial.restart)
        first, last = parts[0].position, parts[-1].offset + parts[-1].size - 1
        async with self._client.open_blob(str(self._blob.digest), first, last) as response:
            check_answer(response, first, last, self._blob.size)
            await write_body(response, self._partial, parts, self._progress)


def _completed(parts: Sequence[Part]) -> int:
    return sum(part.completed for part in parts)


def _is_final(error: RegistryError) -> bool:
    """Whether another try would end the same way."""
    return isinstance(error, ManifestUnknown | RegistryDenied | SizeMismatch | RangesIgnored)


def _retry_after(error: RegistryError) -> float | None:
    return error.retry_after if isinstance(error, StatusError) else None


def _first(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first error itself, out of groups within groups."""
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
