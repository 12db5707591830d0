"""Which blobs were hashed and found right, remembered between runs.

Hashing a large blob takes a minute, so it is done once: a stamp holds the
file's device, inode, size and time, and counts only while these are the same.
The stamps lie in Puna's own state folder, never in the models folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import TypeAlias

from puna.store.digest import Digest

Stamp: TypeAlias = tuple[int, int, int, int]


def stamp_of(found: os.stat_result) -> Stamp:
    """Device, inode, size in bytes and modification time in ns."""
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


class Stamps:
    """A map from digest to stamp, appended to a file of JSON lines.

    A line that does not parse, or a file that cannot be written, costs only a
    second hashing.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._stamps = _load(file) if file else {}

    def holds(self, digest: Digest, found: os.stat_result) -> bool:
        """Whether exactly this file was verified under this digest."""
        return self._stamps.get(digest.hex) == stamp_of(found)

    def add(self, digest: Digest, found: os.stat_result) -> None:
        """Remember that this file hashed to this digest."""
        stamp = stamp_of(found)
        with self._lock:
            if self._stamps.get(digest.hex) == stamp:
                return
            self._stamps[digest.hex] = stamp
            self._append(digest.hex, stamp)

    def _append(self, name: str, stamp: Stamp) -> None:
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as out:
                out.write(json.dumps([name, *stamp]) + "\n")


def _load(file: Path) -> dict[str, Stamp]:
    try:
        lines = file.read_text("utf-8", "replace").splitlines()
    except OSError:
        return {}
    stamps: dict[str, Stamp] = {}
    for line in lines:
        with contextlib.suppress(ValueError, TypeError):
            name, device, inode, size, time = json.loads(line)
            stamps[str(name)] = (int(device), int(inode), int(size), int(time))
    return stamps
