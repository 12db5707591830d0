"""Model files that llama.cpp can load, made once from files that it cannot.

The copies are Puna's own: they lie in its state folder, named by the digest
of the blob, and may be deleted at any time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

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

Report = Callable[[float], None]

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

    def files(self, model: InstalledModel, report: Report) -> ModelFiles:
        """Files of a model in a form that llama.cpp loads.

        Slow the first time for a file that has to be copied; ``report`` is
        told how far that is, from 0 to 1.

        Raises:
            ModelLoadError: no such form is known.
            NoSpace, StoreError: the copy cannot be written.
            InvalidModelFile: the file is damaged.
        """
        layers = model.manifest.layers_of(manifests.PROJECTOR)
        weights: list[_File] = list(model.model_paths)
        with store_errors("translate model file"):
            header = model.header()
            projectors = [self._loadable(model, layer) for layer in layers]
            if header and obstacle(header):
                layer = model.model_layers[0]
                weights = [self._loadable(model, layer)]
                if not projectors and (changes := projector(header)):
                    projectors = [self._copy(layer, _PROJECTOR, header, changes)]
            self._make([*weights, *projectors], report)
        return ModelFiles(_paths(weights), _paths(projectors))

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

    def _loadable(self, model: InstalledModel, layer: Descriptor) -> _File:
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

    def _copy(self, layer: Descriptor, suffix: str, header: Header, changes: Changes) -> _Copy:
        return _Copy(self._folder / f"{layer.digest.hex}{suffix}", header, changes)

    def _make(self, files: Sequence[_File], report: Report) -> None:
        """Make those that are not there."""
        if not _missing(files):
            return
        with self._lock:
            missing = _missing(files)
            self._folder.mkdir(parents=True, exist_ok=True)
            total = sum(file.size for file in missing)
            if spare_bytes(self._folder) < total:
                raise NoSpace(f"not enough disk space: {total} bytes are needed for a copy")
            done = 0

            def written(count: int) -> None:
                nonlocal done
                done += count
                report(min(done / total, 1.0))

            for file in missing:
                logger.info("a copy for llama.cpp is made at %s", file.path)
                file.make(written)
            report(1.0)


@dataclass(frozen=True, slots=True)
class _Copy:
    """A file that is made of another."""

    path: Path
    header: Header
    changes: Changes

    @property
    def size(self) -> int:
        """About as many bytes as it will have."""
        return self.changes.size(self.header)

    def make(self, written: Callable[[int], None]) -> None:
        """Write it, whole or not at all; ``written`` is told the length of each piece."""
        temporary = self.path.with_suffix(".new")
        try:
            with temporary.open("wb") as file:
                combine([self.header], lambda data: written(file.write(data)), self.changes)
            temporary.replace(self.path)
        finally:
            temporary.unlink(missing_ok=True)


_File: TypeAlias = Path | _Copy


def _missing(files: Sequence[_File]) -> list[_Copy]:
    return [file for file in files if isinstance(file, _Copy) and not file.path.exists()]


def _paths(files: Sequence[_File]) -> tuple[Path, ...]:
    return tuple(file.path if isinstance(file, _Copy) else file for file in files)


def _is_copy_of_a_blob(path: Path, blobs: BlobStore) -> bool:
    name, dot, rest = path.name.partition(".")
    try:
        digest = Digest.parse(f"sha256:{name}")
    except InvalidInput:
        return False
    return dot + rest in (_COPY, _PROJECTOR) and blobs.exists(digest)
