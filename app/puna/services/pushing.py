"""One model of the library to a registry.

Source: ``ollama-store-registry-cli`` contract, 3.2; ``ollama-http-api`` 5.13.
"""

from __future__ import annotations

import asyncio

from puna.errors import ModelNotFound, StoreError
from puna.names import ModelName
from puna.registry.client import RegistryClient
from puna.registry.progress import Progress
from puna.registry.upload import Source, push_blob, push_manifest
from puna.services.broadcast import Report, TransferStatus, ticking
from puna.store.manifests import Descriptor, Manifest
from puna.store.store import Store


class Push:
    """One push from its first line to its last."""

    def __init__(
        self, store: Store, client: RegistryClient, name: ModelName, report: Report
    ) -> None:
        self._store = store
        self._client = client
        self._name = name
        self._report = report

    async def run(self) -> None:
        """Push the model.

        Raises:
            StoreError: no such model, or it cannot be read.
            RegistryError: the registry refused or failed.
        """
        self._report(TransferStatus("retrieving manifest"))
        manifest = await asyncio.to_thread(self._read)
        for blob in manifest.blobs:
            await self._push(blob)
        self._report(TransferStatus("pushing manifest"))
        # Byte for byte, so that the model keeps its ID with all who pull it. Ollama encodes it
        # anew: there a model that was made here gets another one.
        await push_manifest(self._client, self._name.tag, manifest.raw)
        self._report(TransferStatus("success"))

    def _read(self) -> Manifest:
        try:
            return self._store.library.get(self._name).manifest
        except ModelNotFound as error:
            raise missing(self._store, self._name, self._report) from error

    async def _push(self, blob: Descriptor) -> None:
        progress = Progress(blob.size)
        async with ticking(lambda: self._report(_line(blob, progress.completed))):
            await push_blob(self._client, self._source(blob), progress)
        self._report(_line(blob, blob.size))

    def _source(self, blob: Descriptor) -> Source:
        parent = ModelName.parse(blob.from_)
        mount_from = f"{parent.namespace}/{parent.model}" if parent.is_valid else ""
        return Source(self._store.blobs.path(blob.digest), str(blob.digest), blob.size, mount_from)


def missing(store: Store, name: ModelName, report: Report) -> StoreError:
    """The error for a push of what is not there, in Ollama's words."""
    report(TransferStatus("couldn't retrieve manifest"))
    if not name.is_valid:
        return StoreError(f"unqualified name: {name.full}")
    return StoreError(f"open {store.library.shelf.path(name)}: no such file or directory")


def _line(blob: Descriptor, completed: int) -> TransferStatus:
    return TransferStatus(f"pushing {blob.digest.short}", str(blob.digest), blob.size, completed)
