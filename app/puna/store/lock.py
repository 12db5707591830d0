"""One Puna server per models folder.

Ollama takes no lock, so this keeps only two Punas apart. The file lies beside
``blobs`` and ``manifests``, where Ollama does not look.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from pathlib import Path

from puna.errors import Conflict

LOCK_NAME = ".puna.lock"
_TAKEN = {errno.EACCES, errno.EAGAIN, errno.EDEADLK}
_ENDING = b" is ending"
PATIENCE = 1.0
"""Seconds to wait for another Puna, which may have been asked to end just now."""

_ENDING_PATIENCE = 10.0
"""Seconds to wait for another Puna that says that it is ending."""

_INTERVAL = 0.02


class StoreLock:
    """An advisory lock that ends with the process, however that ends."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_NAME
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock; wait for a Puna that is ending, as before a restart.

        Raises:
            Conflict: another Puna uses the folder.
            OSError: the lock file cannot be made, as in a read-only folder.
        """
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        descriptor = os.open(self._path, flags, 0o644)
        try:
            _lock_in_time(descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._say(b"")

    def announce_end(self) -> None:
        """Tell who waits for the lock that it will be free soon."""
        if self._descriptor >= 0:
            self._say(_ENDING)

    def release(self) -> None:
        """Give the lock back; without effect when it is not held."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _say(self, state: bytes) -> None:
        """Write who holds the lock; a full disk is no reason not to hold it."""
        with contextlib.suppress(OSError):
            os.lseek(self._descriptor, 0, os.SEEK_SET)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, str(os.getpid()).encode() + state)


def _lock_in_time(descriptor: int) -> None:
    started = time.monotonic()
    while True:
        try:
            _lock(descriptor)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            holder = _holder(descriptor)
            patience = _ENDING_PATIENCE if holder.endswith(_ENDING) else PATIENCE
            if time.monotonic() - started > patience:
                text = f"the models folder is in use by another Puna{_named(holder)}"
                raise Conflict(text) from error
        else:
            return
        time.sleep(_INTERVAL)


def _holder(descriptor: int) -> bytes:
    try:
        return os.pread(descriptor, 40, 0) if hasattr(os, "pread") else b""
    except OSError:
        return b""


def _named(holder: bytes) -> str:
    number = holder.removesuffix(_ENDING)
    return f" (process {int(number)})" if number.isdigit() else ""


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
