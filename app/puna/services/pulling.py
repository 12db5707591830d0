"""One model from a registry into the library.

The manifest is written last: until then the model is not there, or is the one
it was before.

Source: ``ollama-store-registry-cli`` contract, 3.1; ``ollama-http-api`` 5.12.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from puna.errors import InvalidName
from puna.names import ModelName
from puna.registry.client import RegistryClient
from puna.registry.download import Pace, download_blob
from puna.registry.manifests import checked_config
from puna.registry.progress import Progress
from puna.registry.threads import settled
from puna.services.broadcast import Report, TransferStatus, ticking
from puna.services.surveying import bytes_needed, distinct, fetch_manifest
from puna.store.digest import Digest
from puna.store.manifests import Descriptor, Manifest
from puna.store.store import Store


@dataclass(slots=True)
class _Fetch:
    """A blob that is being downloaded, for all the pulls that want it."""

    progress: Progress
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Fetches:
    """Blobs on their way: each is downloaded by one pull at a time, the others wait for it."""

    def __init__(self) -> None:
        self._running: dict[Digest, _Fetch] = {}

    @contextlib.asynccontextmanager
    async def of(self, blob: Descriptor) -> AsyncIterator[_Fetch]:
        """The download of a blob; its progress may be read before one's own turn."""
        fetch = self._running.setdefault(blob.digest, _Fetch(Progress(blob.size)))
        fetch.users += 1
        try:
            yield fetch
        finally:
            fetch.users -= 1
            if not fetch.users:
                del self._running[blob.digest]


class Pull:
    """One pull from its first line to its last."""

    def __init__(
        self,
        store: Store,
        client: RegistryClient,
        name: ModelName,
        fetches: Fetches,
        report: Report,
        pace: Pace,
    ) -> None:
        self._store = store
        self._client = client
        self._name = name
        self._fetches = fetches
        self._report = report
        self._pace = pace

    async def run(self) -> None:
        """Pull the model.

        Raises:
            InvalidName: a name that not every file system can hold.
            RegistryError: the registry does not have it, refused or failed.
            DigestMismatch: the registry sent other bytes than its manifest names.
            NoSpace, StoreError: it cannot be stored.
        """
        self._report(TransferStatus("pulling manifest"))
        manifest = await fetch_manifest(self._client, self._name)
        blobs = distinct(manifest)
        with self._store.blobs.pinned(blob.digest for blob in blobs):
            await self._fetch_all(blobs)
            self._report(TransferStatus("verifying sha256 digest"))
            await asyncio.to_thread(self._check_config, manifest)
            self._report(TransferStatus("writing manifest"))
            replaced = await settled(self._store.library.write, self._name, manifest)
        if replaced:
            self._report(TransferStatus("removing unused layers"))
            await settled(self._store.library.discard, replaced)
        self._report(TransferStatus("success"))

    async def _fetch_all(self, blobs: tuple[Descriptor, ...]) -> None:
        missing = [blob for blob in blobs if not await self._is_stored(blob)]
        needed = await asyncio.to_thread(bytes_needed, self._store, missing)
        if needed:
            await asyncio.to_thread(self._store.blobs.require_space, needed)
        for blob in blobs:
            if blob in missing:
                await self._fetch(blob)
            else:
                self._report(_line(blob, blob.size))

    async def _is_stored(self, blob: Descriptor) -> bool:
        """A blob with this name is trusted once its bytes were hashed."""
        return await settled(self._store.blobs.verify, blob.digest)

    async def _fetch(self, blob: Descriptor) -> None:
        async with self._fetches.of(blob) as fetch:
            progress = fetch.progress
            async with ticking(lambda: self._report(_line(blob, progress.completed))), fetch.turn:
                if not await self._is_stored(blob):
                    partial = self._store.blobs.partial(blob.digest, self._told_name())
                    await download_blob(self._client, partial, blob, progress, self._pace)
        self._report(_line(blob, blob.size))

    def _told_name(self) -> str:
        """The name by which the pull can be gone on with."""
        repository = self._client.repository
        insecure = repository.host == self._name.host and repository.origin.scheme == "http"
        return f"http://{self._name.full}" if insecure else self._name.display

    def _check_config(self, manifest: Manifest) -> None:
        checked_config(self._store.blobs.read(manifest.config.digest), manifest)


def require_portable(store: Store, name: ModelName) -> None:
    """Refuse to make a model whose name some file systems cannot hold.

    Raises:
        InvalidName: it is such a name, and not one that is here already.
    """
    if not name.is_portable and not store.library.exists(name):
        raise InvalidName(f"model name {name.display!r} cannot be stored on every system")


def _line(blob: Descriptor, completed: int) -> TransferStatus:
    return TransferStatus(f"pulling {blob.digest.short}", str(blob.digest), blob.size, completed)
