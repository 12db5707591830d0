"""Model files that llama.cpp can load, made once from files that it cannot.

The copies are Puna's own: they lie in its state folder, named by the digest
of the blob, and may be deleted at any time.
"""

from __future__ import annotations

import logging
import threading
from pathlib import Path

from puna.errors import InvalidInput, ModelLoadError, NoSpace
from puna.gguf.header import Header
from puna.gguf.translation import obstacle, translation
from puna.gguf.writer import Changes, combine
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.disk import Disk, discard, spare_bytes, store_errors
from puna.store.installed import InstalledModel

logger = logging.getLogger(__name__)

_SUFFIX = ".gguf"


class Translations:
    """Finds or makes the file to load for a model.

    Args:
        folder: where copies are kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def paths(self, model: InstalledModel) -> tuple[Path, ...]:
        """Files of the weights in a form that llama.cpp loads.

        Slow the first time for a file that has to be copied.

        Raises:
            ModelLoadError: no such form is known.
            NoSpace, StoreError: the copy cannot be written.
            InvalidModelFile: the file is damaged.
        """
        header = model.header()
        reason = obstacle(header) if header else ""
        if header is None or not reason:
            return model.model_paths
        changes = translation(header)
        if changes is None:
            raise ModelLoadError(
                f"model '{model.name.display}' cannot be loaded: {reason}; "
                "a GGUF of the same model from Hugging Face may work"
            )
        return (self._copy(model.model_layers[0].digest, header, changes, reason),)

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

    def _copy(self, digest: Digest, header: Header, changes: Changes, reason: str) -> Path:
        path = self._folder / f"{digest.hex}{_SUFFIX}"
        with self._lock, store_errors("translate model file"):
            if not path.exists():
                logger.info("%s: %s; a copy is made at %s", digest.short, reason, path)
                self._make(path, header, changes)
        return path

    def _make(self, path: Path, header: Header, changes: Changes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        if spare_bytes(self._folder) < header.file_size:
            raise NoSpace(f"not enough disk space: {header.file_size} bytes are needed for a copy")
        temporary = path.with_suffix(".new")
        try:
            with temporary.open("wb") as file:
                combine([header], file.write, changes)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def _is_copy_of_a_blob(path: Path, blobs: BlobStore) -> bool:
    try:
        digest = Digest.parse(f"sha256:{path.stem}")
    except InvalidInput:
        return False
    return path.suffix == _SUFFIX and blobs.exists(digest)
