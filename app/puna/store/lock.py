"""One Puna server per models folder.

Ollama takes no lock, so this keeps only two Punas apart. The file lies beside
``blobs`` and ``manifests``, where Ollama does not look.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from pathlib import Path

from puna.errors import Conflict

LOCK_NAME = ".puna.lock"
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}


class StoreLock:
    """An advisory lock that ends with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock at once or not at all.

        Raises:
            Conflict: another Puna uses the folder.
            OSError: the lock file cannot be made, as in a read-only folder.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self._path, flags, 0o644)
        try:
            _lock(descriptor)
        except OSError as error:
            holder = _holder(descriptor)
            os.close(descriptor)
            if error.errno in _TAKEN:
                raise Conflict(f"the models folder is in use by another Puna{holder}") from error
            raise
        self._descriptor = descriptor
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, 0)
            os.write(descriptor, str(os.getpid()).encode())

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _holder(descriptor: int) -> str:
    try:
        text = os.pread(descriptor, 20, 0) if hasattr(os, "pread") else b""
    except OSError:
        return ""
    return f" (process {int(text)})" if text.isdigit() else ""


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        # A byte far behind the text, since a locked range cannot be read.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
