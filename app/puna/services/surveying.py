"""A model in a registry, looked at before it is pulled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from puna.errors import (
    InvalidModelFile,
    ManifestUnknown,
    RegistryDenied,
    RegistryError,
    RegistryUnreachable,
)
from puna.gguf.metadata import ModelInfo
from puna.gguf.reader import read_beginning
from puna.names import ModelName
from puna.registry.client import RegistryClient
from puna.registry.faults import parse_json
from puna.registry.manifests import checked_manifest
from puna.registry.responses import read_start
from puna.services.loadable import WEIGHTS
from puna.store import manifests
from puna.store.manifests import Descriptor, Manifest
from puna.store.store import Store

_BEGINNING = 1 << 20
"""Bytes of a model file that hold all about its shape: the vocabulary comes after that."""


@dataclass(frozen=True, slots=True)
class Survey:
    """What a pull would fetch. Sizes in bytes.

    Attributes:
        size: of all blobs.
        missing: of those, what is not here yet.
        free: what may be written to the disk of the models folder.
        weights: of the files that a runner opens.
        sees: there is a projector among them.
        info: what the first of them says of itself, without tensors; ``None`` = nothing.
    """

    size: int
    missing: int
    free: int
    weights: int
    sees: bool
    info: ModelInfo | None


async def survey(store: Store, client: RegistryClient, name: ModelName) -> Survey:
    """Look at a model without storing anything.

    Raises:
        StoreReadOnly: nothing could be stored.
        RegistryError: the registry does not have it, refused or failed.
    """
    store.require_writable()
    manifest = await fetch_manifest(client, name)
    blobs = distinct(manifest)
    missing = [blob for blob in blobs if not store.blobs.exists(blob.digest)]
    models = manifest.layers_of(manifests.MODEL)
    return Survey(
        size=sum(blob.size for blob in blobs),
        missing=await asyncio.to_thread(bytes_needed, store, missing),
        free=await asyncio.to_thread(store.blobs.free_space),
        weights=sum(blob.size for blob in manifest.layers_of(*WEIGHTS)),
        sees=bool(manifest.layers_of(manifests.PROJECTOR)),
        info=await _info(client, models[0]) if models else None,
    )


async def fetch_manifest(client: RegistryClient, name: ModelName) -> Manifest:
    """The manifest of a model.

    Raises:
        RegistryError: the registry does not have it, refused, failed or sent something else.
    """
    try:
        raw = await client.manifest(name.tag)
        document = parse_json(raw)
    except RegistryError as error:
        raise _prefixed(error) from error
    return checked_manifest(raw, document, client.repository.path)


def distinct(manifest: Manifest) -> tuple[Descriptor, ...]:
    """The blobs of a manifest, each once."""
    return tuple({blob.digest: blob for blob in manifest.blobs}.values())


def bytes_needed(store: Store, missing: Iterable[Descriptor]) -> int:
    """Bytes to be written: unfinished downloads have theirs in part."""
    return sum(blob.size - store.blobs.partial(blob.digest).stored(blob.size) for blob in missing)


async def _info(client: RegistryClient, weights: Descriptor) -> ModelInfo | None:
    last = min(weights.size, _BEGINNING) - 1
    async with client.open_blob(str(weights.digest), 0, last) as response:
        data = await read_start(response, last + 1)
    try:
        return ModelInfo.from_header(read_beginning(data, weights.size))
    except InvalidModelFile:
        return None


def _prefixed(error: RegistryError) -> RegistryError:
    """The same kind of error, told as one about the manifest."""
    text = f"pull model manifest: {error}"
    for kind in (ManifestUnknown, RegistryUnreachable, RegistryDenied):
        if isinstance(error, kind):
            return kind(text)
    return RegistryError(text)
