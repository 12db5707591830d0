"""A model of the library: its manifest, and what its layers say when asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from puna.gguf.header import Header
from puna.names import ModelName
from puna.store import manifests
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.manifests import Descriptor, Manifest, ModelConfig


class Contents(Protocol):
    """What the layers of models hold."""

    blobs: BlobStore

    def header(self, digest: Digest) -> Header:
        """Header of a GGUF blob."""
        ...


@dataclass(frozen=True)
class InstalledModel:
    """One entry of the library.

    The texts and parameters are read from their blobs on first use; each may
    raise :class:`BlobNotFound`, :class:`DigestMismatch` or
    :class:`StoreDamaged` when the blob was harmed since the model was found.

    Attributes:
        name: as it is stored.
        digest: the model's ID, 64 hex digits.
        size: bytes of all layers and the config.
        modified: when the manifest was written, local time with its offset.
    """

    name: ModelName
    manifest: Manifest
    config: ModelConfig
    digest: str
    size: int
    modified: datetime
    library: Contents = field(repr=False, compare=False)

    @property
    def model_layers(self) -> tuple[Descriptor, ...]:
        """Layers that hold weights."""
        return self.manifest.layers_of(manifests.MODEL)

    @property
    def model_paths(self) -> tuple[Path, ...]:
        """Files of the weights; empty for stubs and models that are not GGUF."""
        return self._paths(manifests.MODEL)

    @property
    def projector_paths(self) -> tuple[Path, ...]:
        """Files of image and audio encoders."""
        return self._paths(manifests.PROJECTOR)

    @property
    def adapter_paths(self) -> tuple[Path, ...]:
        """LoRA files."""
        return self._paths(manifests.ADAPTER)

    @property
    def draft_path(self) -> Path | None:
        """The draft model for speculative decoding."""
        return next(iter(self._paths(manifests.DRAFT)), None)

    @property
    def is_tensor_model(self) -> bool:
        """Whether the weights are safetensors, which llama.cpp does not run."""
        return bool(self.manifest.layers_of(manifests.TENSOR))

    @property
    def parent(self) -> str:
        """Name of the model this one was made from, empty when from files."""
        return next((layer.from_ for layer in self.model_layers if layer.from_), "")

    @cached_property
    def template(self) -> str | None:
        """The Go template; ``None`` when the model brings none."""
        layers = self.manifest.layers_of(manifests.TEMPLATE, manifests.PROMPT)
        return self._text(layers[-1]) if layers else None

    @cached_property
    def system(self) -> str:
        """The system prompt."""
        layers = self.manifest.layers_of(manifests.SYSTEM)
        return self._text(layers[-1]) if layers else ""

    @cached_property
    def licenses(self) -> tuple[str, ...]:
        """Licence texts in order."""
        return tuple(map(self._text, self.manifest.layers_of(manifests.LICENSE)))

    @cached_property
    def parameters(self) -> dict[str, Any]:
        """Default options as stored: any JSON value under any key."""
        layers = self.manifest.layers_of(manifests.PARAMS)
        return manifests.decode_params(self._read(layers[-1])) if layers else {}

    @cached_property
    def messages(self) -> tuple[dict[str, Any], ...]:
        """Messages that every conversation starts with."""
        layers = self.manifest.layers_of(manifests.MESSAGES)
        return tuple(manifests.decode_messages(self._read(layers[-1]))) if layers else ()

    def header(self) -> Header | None:
        """Header of the (first) weights file; ``None`` when there is none.

        Raises:
            InvalidModelFile: the file is damaged.
            BlobNotFound, StoreError: it cannot be read.
        """
        return self._header(manifests.MODEL)

    def projector_header(self) -> Header | None:
        """Header of the first projector; otherwise as :meth:`header`."""
        return self._header(manifests.PROJECTOR)

    def draft_header(self) -> Header | None:
        """Header of the draft model; otherwise as :meth:`header`."""
        return self._header(manifests.DRAFT)

    def _header(self, media_type: str) -> Header | None:
        if self.is_tensor_model:
            return None
        layers = self.manifest.layers_of(media_type)
        return self.library.header(layers[0].digest) if layers else None

    def _paths(self, media_type: str) -> tuple[Path, ...]:
        layers = self.manifest.layers_of(media_type)
        return tuple(self.library.blobs.path(layer.digest) for layer in layers)

    def _read(self, layer: Descriptor) -> bytes:
        return self.library.blobs.read(layer.digest)

    def _text(self, layer: Descriptor) -> str:
        return self._read(layer).decode("utf-8", "replace")
