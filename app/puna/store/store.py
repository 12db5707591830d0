"""The models folder as a whole: opened, locked, cleaned and closed."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from puna.errors import StoreError, StoreReadOnly
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.disk import Disk, discard, file_size, store_errors
from puna.store.library import Library
from puna.store.lock import StoreLock
from puna.store.partial import Unfinished
from puna.store.pruning import migrate, prune, remove_unused, tidy, unused
from puna.store.shelf import TEMPORARY
from puna.store.stamps import Stamps

logger = logging.getLogger(__name__)

_STAMPS_NAME = "verified-blobs.jsonl"


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Files that belong to no model.

    Attributes:
        files: how many files no model uses, ``size`` bytes in all.
        downloads: those that were not finished, newest first.
    """

    files: int
    size: int
    downloads: tuple[Unfinished, ...]


class Store:
    """Blobs and library of one models folder.

    Attributes:
        writable: ``False`` after :meth:`open` found the folder read-only.
    """

    def __init__(
        self,
        folder: Path,
        *,
        state_folder: Path | None = None,
        keep_unused: bool = False,
        read_only_ok: bool = True,
        disk: Disk | None = None,
    ) -> None:
        """Nothing is touched before :meth:`open`.

        Args:
            folder: the models folder.
            state_folder: where to remember which blobs were verified.
            keep_unused: never remove unused blobs but those of a deleted model
                (``OLLAMA_NOPRUNE``).
            read_only_ok: open a folder that may not be written, for reading.
            disk: the file operations to use.
        """
        self._disk = disk or Disk()
        self.folder = folder
        self._keep_unused = keep_unused
        self._read_only_ok = read_only_ok
        self._lock = StoreLock(folder)
        stamps = Stamps(state_folder / _STAMPS_NAME if state_folder else None)
        self.blobs = BlobStore(folder / "blobs", stamps, self._disk)
        self.library = Library(
            folder / "manifests", self.blobs, self._disk, keep_unused=keep_unused
        )
        self.writable = True

    def open(self) -> None:
        """Create the folders, take the lock, and remove what is left over.

        Raises:
            Conflict: another Puna uses the folder.
            StoreReadOnly, StoreError: the folder cannot be used.
        """
        try:
            self._prepare()
        except StoreReadOnly:
            if not self._read_only_ok or not self.blobs.folder.is_dir():
                raise
            self.writable = False
            logger.warning("the models folder %s is read-only", self.folder)
        if self.writable and not self._keep_unused:
            self.prune()

    def leaving(self) -> None:
        """Let a Puna that wants the folder know that :meth:`close` follows soon."""
        self._lock.announce_end()

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def prune(self) -> int:
        """Remove old unused files; returns how many.

        Raises:
            StoreError: the folder cannot be read.
        """
        with store_errors("prune"):
            return prune(self.library, self.blobs, self._disk)

    def leftovers(self) -> Leftovers:
        """What lies in the folder and belongs to no model.

        Raises:
            StoreError: the folder cannot be read.
        """
        with store_errors("look for unused files"):
            files = unused(self.library, self.blobs)
            sizes = [file_size(str(path)) or 0 for path in files]
        return Leftovers(len(files), sum(sizes), tuple(self.blobs.unfinished()))

    def remove_unused(self) -> int:
        """Remove the unused files that :meth:`leftovers` counts; returns how many.

        Raises:
            StoreReadOnly, StoreError: the folder cannot be changed or read.
        """
        self.require_writable()
        with store_errors("remove unused files"):
            return remove_unused(self.library, self.blobs, self._disk)

    def forget_download(self, digest: Digest) -> None:
        """Remove an unfinished download.

        Raises:
            BlobNotFound: there is none.
            Conflict: it is going on.
            StoreReadOnly: the folder cannot be changed.
        """
        self.require_writable()
        self.blobs.discard_partial(digest)

    def require_writable(self) -> None:
        """Refuse to change a folder that was opened for reading.

        Raises:
            StoreReadOnly: it was.
        """
        if not self.writable:
            raise StoreReadOnly("the models folder cannot be written")

    def _prepare(self) -> None:
        try:
            for folder in (self.blobs.folder, self.library.shelf.folder):
                with store_errors(f"mkdir {self.folder}"):
                    self._disk.make_folder(folder)
        except StoreError as error:
            raise type(error)(f"{error}: ensure path elements are traversable") from error
        with store_errors("open the models folder"):
            self._lock.acquire()
            migrate(self.blobs.folder, self._disk)
            tidy(self.blobs.folder, self._disk)
            for path in self.folder.glob(f"{TEMPORARY}*"):
                discard(self._disk, path)
