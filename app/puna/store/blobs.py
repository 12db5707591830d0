"""Content-addressed files: ``blobs/sha256-<hex>``.

Bytes get their name only after they were hashed, are on the device and match.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType

from puna.errors import BlobNotFound, Conflict, DigestMismatch, NoSpace
from puna.store.digest import Digest
from puna.store.disk import (
    Disk,
    closing,
    discard,
    regular,
    spare_bytes,
    store_errors,
    write_all,
)
from puna.store.partial import PartialBlob, Unfinished
from puna.store.stamps import Stamps

BLOB_MODE = 0o644
_PRIVATE_MODE = 0o600
_CHUNK = 1 << 20
_PARTIAL = re.compile(r"(sha256-[0-9a-f]{64})-partial")


class BlobStore:
    """The folder of blobs. Safe for several threads."""

    def __init__(self, folder: Path, stamps: Stamps, disk: Disk | None = None) -> None:
        self.folder = folder
        self._stamps = stamps
        self._disk = disk or Disk()
        self._pins: Counter[Digest] = Counter()
        self._pins_lock = threading.Lock()

    def path(self, digest: Digest) -> Path:
        """Where the blob is or would be."""
        return self.folder / digest.filename

    def exists(self, digest: Digest) -> bool:
        """Whether a regular file has the blob's name."""
        return regular(self.path(digest)) is not None

    def size(self, digest: Digest) -> int:
        """Length in bytes.

        Raises:
            BlobNotFound: no such blob.
        """
        found = regular(self.path(digest))
        if found is None:
            raise BlobNotFound(f"blob {digest} not found")
        return found.st_size

    def read(self, digest: Digest, limit: int = 64 << 20) -> bytes:
        """The bytes of a small blob.

        Raises:
            BlobNotFound: no such blob.
            DigestMismatch: the file holds other bytes, or more than ``limit``.
            StoreError: it cannot be read.
        """
        if not self.exists(digest):
            raise BlobNotFound(f"blob {digest} not found")
        with store_errors(f"read blob {digest.short}"), closing(self._open(digest)) as descriptor:
            pieces = iter(lambda: os.read(descriptor, _CHUNK), b"")
            data = b"".join(pieces) if os.fstat(descriptor).st_size <= limit else b""
        if Digest.of(data) != digest:
            raise DigestMismatch(f"blob {digest} holds other bytes; pull or create the model again")
        return data

    def verify(self, digest: Digest) -> bool:
        """Whether the blob is there and holds the right bytes.

        Hashes the file the first time; the result is remembered for as long
        as size, time and inode stay.

        Raises:
            StoreError: it cannot be read.
        """
        found = regular(self.path(digest))
        if found is None:
            return False
        if self._stamps.holds(digest, found):
            return True
        with store_errors(f"verify blob {digest.short}"), closing(self._open(digest)) as descriptor:
            found = os.fstat(descriptor)
            matches = Digest.of_file(descriptor) == digest
        if matches:
            self._stamps.add(digest, found)
        return matches

    def writer(self) -> BlobWriter:
        """A new blob of unknown digest, to be used in a ``with`` block."""
        return BlobWriter(self, self._disk)

    def put(self, data: bytes) -> tuple[Digest, int]:
        """Store bytes; returns digest and size for a descriptor.

        Raises:
            NoSpace, StoreReadOnly, StoreError: nothing was stored.
        """
        digest = Digest.of(data)
        if self.verify(digest):
            self.touch(digest)
        else:
            with self.writer() as writer:
                writer.write(data)
                writer.commit(digest)
        return digest, len(data)

    def adopt(self, path: Path) -> Digest:
        """Take a finished file of this folder as a blob; it is renamed.

        Raises:
            NoSpace, StoreReadOnly, StoreError: the file stays where it is.
        """
        with store_errors("store blob"), closing(self._disk.open(path, write=True)) as descriptor:
            digest = Digest.of_file(descriptor)
            self._publish(descriptor, path, digest)
        return digest

    def scratch(self, prefix: str) -> Path:
        """A free name in the folder for a file that may become a blob.

        Both programs remove files of such names when they are an hour old.
        """
        return self.folder / f"{prefix}{secrets.randbelow(10**10):010d}"

    def partial(self, digest: Digest, model: str = "") -> PartialBlob:
        """The unfinished download of a blob, wanted for ``model``."""
        return PartialBlob(self.path(digest), self._disk, self._stamps, model)

    def unfinished(self) -> list[Unfinished]:
        """Downloads that nobody is at work on, newest first.

        Raises:
            StoreError: the folder cannot be read.
        """
        with store_errors("look for downloads"):
            names = [path.name for path in self.folder.iterdir()]
        digests = [Digest.parse(found[1]) for name in names if (found := _PARTIAL.fullmatch(name))]
        states = [self.partial(one).state() for one in digests if not self.is_pinned(one)]
        return sorted(filter(None, states), key=lambda state: state.touched, reverse=True)

    def discard_partial(self, digest: Digest) -> None:
        """Remove an unfinished download.

        Raises:
            BlobNotFound: there is none.
            Conflict: it is going on.
        """
        with self._pins_lock:
            if self._pins[digest]:
                raise Conflict(f"the download of {digest.short} is going on")
            partial = self.partial(digest)
            if partial.state() is None:
                raise BlobNotFound(f"no unfinished download of {digest.short}")
            partial.discard()

    def touch(self, digest: Digest) -> None:
        """Set the time to now, which keeps an unused blob for one more hour."""
        verified = self.verify(digest)
        with contextlib.suppress(OSError):
            os.utime(self.path(digest), follow_symlinks=False)
            if verified:
                self._stamps.add(digest, self.path(digest).lstat())

    def delete(self, digest: Digest) -> bool:
        """Remove a blob that no one has pinned; whether it is gone."""
        with self._pins_lock:
            if self._pins[digest]:
                return False
            discard(self._disk, self.path(digest))
        return not self.exists(digest)

    @contextlib.contextmanager
    def pinned(self, digests: Iterable[Digest]) -> Iterator[None]:
        """Keep blobs from being deleted until a manifest names them."""
        kept = list(digests)
        with self._pins_lock:
            self._pins.update(kept)
        try:
            yield
        finally:
            with self._pins_lock:
                self._pins.subtract(kept)

    def is_pinned(self, digest: Digest) -> bool:
        """Whether some operation still needs the blob."""
        with self._pins_lock:
            return self._pins[digest] > 0

    def free_space(self) -> int:
        """Bytes that may still be written without filling the disk.

        Raises:
            StoreError: the folder cannot be asked.
        """
        with store_errors("ask for free space"):
            return spare_bytes(self.folder)

    def require_space(self, needed: int) -> None:
        """Refuse what would fill the disk.

        Raises:
            NoSpace: ``needed`` bytes and the reserve do not fit.
        """
        free = self.free_space()
        if needed > free:
            raise NoSpace(
                f"not enough disk space: {needed} bytes are needed, {free} bytes are free"
            )

    def _open(self, digest: Digest) -> int:
        return self._disk.open(self.path(digest))

    def _publish(self, descriptor: int, path: Path, digest: Digest) -> None:
        """Give a finished temporary file its final name, durably."""
        self._disk.sync(descriptor)
        self._disk.chmod(descriptor, BLOB_MODE)
        self._disk.replace(path, self.path(digest))
        self._disk.sync_folder(self.folder)
        self._stamps.add(digest, os.fstat(descriptor))


class BlobWriter:
    """A temporary file that becomes a blob. Left without commit, it is removed."""

    def __init__(self, store: BlobStore, disk: Disk) -> None:
        self._store = store
        self._disk = disk
        self._state = hashlib.sha256()
        self._path = store.scratch("sha256-")
        self._descriptor = -1
        self.size = 0

    def __enter__(self) -> BlobWriter:
        with store_errors("create blob"):
            self._descriptor = self._disk.create(self._path, _PRIVATE_MODE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        discard(self._disk, self._path)

    def write(self, data: bytes) -> None:
        """Append bytes.

        Raises:
            NoSpace, StoreReadOnly, StoreError: they could not be written.
        """
        with store_errors("write blob"):
            write_all(self._disk, self._descriptor, data)
        self._state.update(data)
        self.size += len(data)

    def commit(self, expected: Digest | None = None) -> Digest:
        """Give the file its name.

        Raises:
            DigestMismatch: the bytes do not hash to ``expected``.
            NoSpace, StoreReadOnly, StoreError: the blob is not there.
        """
        digest = Digest(self._state.hexdigest())
        if expected is not None and expected != digest:
            raise DigestMismatch(f'digest mismatch, expected "{expected}", got "{digest}"')
        with store_errors("store blob"):
            self._store._publish(self._descriptor, self._path, digest)
        return digest
