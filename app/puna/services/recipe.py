"""A model while it is being made: its config and layers, kept from deletion.

Source: ``ollama-store-registry-cli`` contract, 2.3 and 4.4 (order of layers).
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from puna.errors import StoreDamaged
from puna.store import manifests
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.installed import InstalledModel
from puna.store.manifests import Descriptor, Manifest, ModelConfig


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer and the line that tells of it."""

    descriptor: Descriptor
    status: str


class Recipe:
    """Config and layers, changed step by step; a context manager.

    As long as it is open, no blob it names is deleted by anybody in this
    process.
    """

    def __init__(self, blobs: BlobStore) -> None:
        self._blobs = blobs
        self._pins = contextlib.ExitStack()
        self.config = ModelConfig()
        self.layers: list[Layer] = []

    def __enter__(self) -> Recipe:
        return self

    def __exit__(self, *_: object) -> None:
        self._pins.close()

    def inherit(self, model: InstalledModel) -> None:
        """Start from an installed model: all its layers, and its config."""
        self.config = model.config
        for layer in model.manifest.layers:
            self.add(replace(layer, from_=model.name.display), existing=True)

    def add(self, descriptor: Descriptor, *, existing: bool, status: str = "") -> None:
        """Append a layer whose blob is there."""
        self._pins.enter_context(self._blobs.pinned([descriptor.digest]))
        word = "using existing" if existing else "creating new"
        self.layers.append(Layer(descriptor, status or f"{word} layer {descriptor.digest}"))

    def put(self, media_type: str, data: bytes, *, status: str = "") -> None:
        """Append a layer of these bytes.

        Raises:
            NoSpace, StoreReadOnly, StoreError: they could not be stored.
        """
        existing = self._blobs.verify(Digest.of(data))
        self.add(Descriptor(media_type, *self._blobs.put(data)), existing=existing, status=status)

    def replace_text(self, media_type: str, data: bytes, *also: str) -> None:
        """Put a layer in place of those of its type, at the end."""
        self.drop(media_type, *also)
        self.put(media_type, data)

    def replace_weights(self, old: Descriptor, digest: Digest, size: int) -> None:
        """Put other weights where the old ones are."""
        at = [layer.descriptor for layer in self.layers].index(old)
        self.add(Descriptor(old.media_type, digest, size), existing=True)
        self.layers[at] = self.layers.pop()

    def drop(self, *media_types: str) -> None:
        """Leave out all layers of these types."""
        self.layers = [
            layer for layer in self.layers if layer.descriptor.media_type not in media_types
        ]

    def of_type(self, media_type: str) -> list[Descriptor]:
        """Layers of one type."""
        found = (layer.descriptor for layer in self.layers)
        return [descriptor for descriptor in found if descriptor.media_type == media_type]

    def set_parameters(self, parameters: Mapping[str, Any]) -> None:
        """Merge parameters over the present ones; the layer moves to the end.

        Raises:
            NoSpace, StoreReadOnly, StoreError: they could not be stored.
        """
        merged: dict[str, Any] = {}
        for layer in self.of_type(manifests.PARAMS):
            with contextlib.suppress(StoreDamaged):
                merged |= manifests.decode_params(self._blobs.read(layer.digest))
        merged |= parameters
        self.drop(manifests.PARAMS)
        if merged:
            self.put(manifests.PARAMS, manifests.encode_params(merged))

    def set_messages(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Replace the messages.

        Raises:
            NoSpace, StoreReadOnly, StoreError: they could not be stored.
        """
        self.replace_text(manifests.MESSAGES, manifests.encode_messages(messages))

    def manifest(self) -> Manifest:
        """The finished manifest; its config is stored.

        Raises:
            NoSpace, StoreReadOnly, StoreError: the config could not be stored.
        """
        config = Descriptor(manifests.CONFIG_TYPE, *self._blobs.put(self.config.encode()))
        self._pins.enter_context(self._blobs.pinned([config.digest]))
        return Manifest.build(config, [layer.descriptor for layer in self.layers])
