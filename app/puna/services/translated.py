"""Model files that llama.cpp can load, made once from files that it cannot.

The copies are Puna's own: they lie in its state folder, named by the digest
of the blob, and may be deleted at any time.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from pathlib import Path

from puna.errors import InvalidInput, ModelLoadError, NoSpace
from puna.gguf.header import Header
from puna.gguf.translation.catalogue import obstacle, projector, translation
from puna.gguf.writer import Changes, combine
from puna.store import manifests
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.disk import Disk, discard, spare_bytes, store_errors
from puna.store.installed import InstalledModel
from puna.store.manifests import Descriptor

logger = logging.getLogger(__name__)

_COPY = ".gguf"
_PROJECTOR = ".mmproj.gguf"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What a runner opens for a model.

    Attributes:
        weights: the text side; more than one for a split model.
        projectors: encoders of images and audio.
    """

    weights: tuple[Path, ...]
    projectors: tuple[Path, ...]

    @property
    def every(self) -> tuple[Path, ...]:
        """All of them."""
        return self.weights + self.projectors


class Translations:
    """Finds or makes the files to load for a model.

    Args:
        folder: where copies are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def files(self, model: InstalledModel) -> ModelFiles:
        """Files of a model in a form that llama.cpp loads.

        Slow the first time for a file that has to be copied.

        Raises:
            ModelLoadError: no such form is known.
            NoSpace, StoreError: the copy cannot be written.
            InvalidModelFile: the file is damaged.
        """
        header = model.header()
        projectors = tuple(
            self._loadable(model, layer) for layer in model.manifest.layers_of(manifests.PROJECTOR)
        )
        if header is None or not obstacle(header):
            return ModelFiles(model.model_paths, projectors)
        layer = model.model_layers[0]
        text = self._loadable(model, layer)
        if not projectors and (changes := projector(header)):
            projectors = (self._copy(layer, _PROJECTOR, header, changes),)
        return ModelFiles((text,), projectors)

    def tidy(self, blobs: BlobStore) -> None:
        """Remove the copies of weights that are no longer installed.

        Does nothing while a copy is being made; the next call will.
        """
        if not self._folder.is_dir() or not self._lock.acquire(blocking=False):
            return
        try:
            for path in self._folder.iterdir():
                if not _is_copy_of_a_blob(path, blobs):
                    discard(Disk(), path)
        finally:
            self._lock.release()

    def _loadable(self, model: InstalledModel, layer: Descriptor) -> Path:
        """The blob of a layer, or what takes its place."""
        header = model.library.header(layer.digest)
        reason = obstacle(header)
        if not reason:
            return model.library.blobs.path(layer.digest)
        changes = translation(header)
        if changes is None:
            raise ModelLoadError(
                f"model '{model.name.display}' cannot be loaded: {reason}; "
                "a GGUF of the same model from Hugging Face may work"
            )
        return self._copy(layer, _COPY, header, changes)

    def _copy(self, layer: Descriptor, suffix: str, header: Header, changes: Changes) -> Path:
        path = self._folder / f"{layer.digest.hex}{suffix}"
        with self._lock, store_errors("translate model file"):
            if not path.exists():
                logger.info("%s: a copy for llama.cpp is made at %s", layer.digest.short, path)
                self._make(path, header, changes)
        return path

    def _make(self, path: Path, header: Header, changes: Changes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        size = changes.size(header)
        if spare_bytes(self._folder) < size:
            raise NoSpace(f"not enough disk space: {size} bytes are needed for a copy")
        temporary = path.with_suffix(".new")
        try:
            with temporary.open("wb") as file:
                combine([header], file.write, changes)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _is_copy_of_a_blob(path: Path, blobs: BlobStore) -> bool:
    name, dot, rest = path.name.partition(".")
    try:
        digest = Digest.parse(f"sha256:{name}")
    except InvalidInput:
        return False
    return dot + rest in (_COPY, _PROJECTOR) and blobs.exists(digest)
