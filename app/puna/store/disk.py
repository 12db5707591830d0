"""The file operations the store is made of, one method each.

They are few so that a test can make each of them fail, once, at every place
it is used. Links are never followed: a planted one must not lead a write or a
read out of the models folder.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

from puna.errors import NoSpace, StoreError, StoreReadOnly

_NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
_BINARY = getattr(os, "O_BINARY", 0)
_RESERVE = 1 << 30
_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM}
# Windows has no pwrite: there the position is shared by all who write.
_SEEK_LOCK = threading.Lock()


class Disk:
    """The real file system. Every method raises plain ``OSError``."""

    def create(self, path: Path, mode: int) -> int:
        """Open a new file for reading and writing; it must not exist."""
        return os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | _NO_FOLLOW | _BINARY, mode)

    def open(self, path: Path, *, write: bool = False) -> int:
        """Open a regular file; links and devices are refused."""
        flags = (os.O_RDWR if write else os.O_RDONLY) | _NO_FOLLOW | _BINARY
        descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return descriptor

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        """Write at the current position; returns how many bytes went."""
        return os.write(descriptor, data)

    def write_at(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        """Write at ``offset``; several threads may do so at once."""
        if hasattr(os, "pwrite"):
            return os.pwrite(descriptor, data, offset)
        with _SEEK_LOCK:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.write(descriptor, data)

    def truncate(self, descriptor: int, size: int) -> None:
        """Set the length; new bytes take no space."""
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Bring the file's bytes to the device."""
        os.fsync(descriptor)

    def sync_folder(self, folder: Path) -> None:
        """Bring the names in a folder to the device; not needed on Windows."""
        if os.name == "nt":
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def replace(self, source: Path, target: Path) -> None:
        """Rename, over an existing file if there is one."""
        source.replace(target)

    def chmod(self, descriptor: int, mode: int) -> None:
        """Set the mode of an open file; Windows keeps its own rights."""
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)

    def unlink(self, path: Path) -> None:
        """Remove a file or link."""
        path.unlink()

    def make_folder(self, path: Path) -> None:
        """Create a folder and its parents."""
        path.mkdir(parents=True, exist_ok=True)

    def remove_folder(self, path: Path) -> None:
        """Remove an empty folder."""
        path.rmdir()


@contextlib.contextmanager
def store_errors(what: str) -> Iterator[None]:
    """Turn an ``OSError`` into the error that tells a person what to do.

    Raises:
        NoSpace: the disk or the quota is full.
        StoreReadOnly: the folder may not be written.
        StoreError: anything else.
    """
    try:
        yield
    except OSError as error:
        raise _translated(error, what) from error


def _translated(error: OSError, what: str) -> Exception:
    reason = (error.strerror or str(error)).lower()
    if error.errno in _FULL:
        return NoSpace(f"{what}: no space left on the disk of the models folder")
    if error.errno in _DENIED:
        return StoreReadOnly(f"{what}: the models folder cannot be written ({reason})")
    return StoreError(f"{what}: {reason}")


def spare_bytes(folder: Path) -> int:
    """Bytes that may be written to the disk of ``folder`` without filling it.

    One GiB is left aside, on small disks a twentieth. Raises plain ``OSError``.
    """
    usage = shutil.disk_usage(folder)
    return max(usage.free - min(_RESERVE, usage.total // 20), 0)


def regular(path: Path) -> os.stat_result | None:
    """What ``lstat`` says of a regular file; ``None`` for anything else."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def file_size(location: str) -> int | None:
    """Bytes of a regular file; ``None`` for anything else."""
    try:
        found = os.lstat(location)
    except OSError:
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def write_all(disk: Disk, descriptor: int, data: bytes) -> None:
    """Write every byte; a system call may take fewer than it was given."""
    view = memoryview(data)
    while view:
        view = view[disk.write(descriptor, view) :]


def write_all_at(disk: Disk, descriptor: int, data: bytes, offset: int) -> None:
    """Write every byte from ``offset`` on."""
    view = memoryview(data)
    while view:
        written = disk.write_at(descriptor, view, offset)
        view, offset = view[written:], offset + written


def discard(disk: Disk, path: Path) -> None:
    """Remove a file that may be gone already or may not go (Windows, while open)."""
    with contextlib.suppress(OSError):
        disk.unlink(path)


@contextlib.contextmanager
def closing(descriptor: int) -> Iterator[int]:
    """Close a descriptor at the end."""
    try:
        yield descriptor
    finally:
        os.close(descriptor)
