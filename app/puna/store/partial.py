"""Unfinished downloads in Ollama's form, so that either program resumes the other's.

``<blob>-partial`` has the full size from the start; ``<blob>-partial-N`` says
of part N how many of its bytes are there::

    {"N":0,"Offset":0,"Size":100000000,"Completed":20250624}

A record never counts bytes that are not on the device yet. Whatever the
records say, the whole file is hashed before it gets its name. Our own records
say so (``"By":"puna"``), and such downloads are kept for longer. They also say
for which model it was begun (``"For":"gemma3:4b"``).

Source: ``ollama-store-registry-cli`` contract, 2.7.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

from puna.errors import DigestMismatch, StoreError
from puna.store.digest import Digest
from puna.store.disk import (
    Disk,
    closing,
    discard,
    regular,
    store_errors,
    write_all,
    write_all_at,
)
from puna.store.stamps import Stamps

_MODE = 0o644
_MAKER = "puna"
_PARTS = 16
_MIN_PART = 100_000_000
_MAX_PART = 1_000_000_000
_CHECKPOINT_BYTES = 64 << 20
_CHECKPOINT_SECONDS = 5.0
_HASH_CHUNK = 1 << 20


@dataclass(slots=True)
class Part:
    """A range of the file that one request fetches. Numbers are bytes.

    Attributes:
        completed: bytes that have been written from ``offset`` on.
        recorded: of these, what the record on disk counts.
    """

    n: int
    offset: int
    size: int
    completed: int = 0
    recorded: int = 0

    @property
    def done(self) -> bool:
        """Whether every byte is there."""
        return self.completed == self.size

    @property
    def position(self) -> int:
        """Offset in the file of the next byte to fetch."""
        return self.offset + self.completed

    def restart(self) -> None:
        """Forget the bytes of this part."""
        self.completed = 0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What stands on disk of a download that was not finished.

    Attributes:
        model: for which it was begun, empty when that is not recorded.
        size: bytes of the finished blob; ``completed`` of them are there.
        touched: when bytes were last written, in s since 1970.
    """

    digest: Digest
    model: str
    size: int
    completed: int
    touched: float


class PartialBlob:
    """One unfinished blob. Different parts may be written by different threads."""

    def __init__(self, final: Path, disk: Disk, stamps: Stamps, model: str = "") -> None:
        """Args: model: for which it is wanted, for the records."""
        self._final = final
        self._model = model
        self._disk = disk
        self._stamps = stamps
        self._file = final.with_name(final.name + "-partial")
        self._descriptor = -1
        self._reader: FileIO | None = None
        self._state = hashlib.sha256()
        self._hashed = 0
        self._lock = threading.Lock()
        self._pending = 0
        self._checkpointed = time.monotonic()
        self.parts: list[Part] = []

    @property
    def total(self) -> int:
        """Bytes of the finished blob."""
        return sum(part.size for part in self.parts)

    @property
    def completed(self) -> int:
        """Bytes that are there."""
        return sum(part.completed for part in self.parts)

    def stored(self, total: int) -> int:
        """Bytes that an earlier download of this size has on disk; 0 when it cannot be resumed."""
        parts = self._resumable(total)
        return sum(part.completed for part in parts)

    def state(self) -> Unfinished | None:
        """What an earlier download left; ``None`` when there was none."""
        found = regular(self._file)
        if found is None:
            return None
        parts = self._recorded_parts()
        return Unfinished(
            digest=Digest.parse(self._final.name),
            model=str(_record_data(self._record_path(0)).get("For", "")),
            size=found.st_size,
            completed=sum(part.completed for part in parts),
            touched=found.st_mtime,
        )

    def open(self, total: int) -> None:
        """Take up an earlier download of this size, or begin a new one.

        Raises:
            NoSpace, StoreReadOnly, StoreError: the files cannot be made.
        """
        parts = self._resumable(total)
        self._forget_hash()
        with store_errors("open download"):
            if parts:
                self._descriptor = self._disk.open(self._file, write=True)
                self.parts = parts
            else:
                self._begin(total)
        self._checkpointed = time.monotonic()

    def write_at(self, part: Part, data: bytes) -> None:
        """Append to a part.

        Raises:
            StoreError: more bytes than the part has room for.
            NoSpace, StoreReadOnly: they could not be written.
        """
        if part.completed + len(data) > part.size:
            raise StoreError(f"part {part.n} got more bytes than it has")
        with store_errors("write download"):
            write_all_at(self._disk, self._descriptor, data, part.position)
        part.completed += len(data)
        with self._lock:
            self._pending += len(data)

    def restart(self) -> None:
        """Forget all bytes. Nobody may be writing or hashing."""
        for part in self.parts:
            part.restart()
        self._forget_hash()

    def hash_some(self, limit: int) -> int:
        """Hash on, up to ``limit`` bytes, over what is there without a gap.

        One thread at a time; others may write meanwhile. Done beside the
        download, it leaves little for :meth:`finish`.

        Returns:
            How many bytes were hashed.

        Raises:
            StoreError: they cannot be read.
        """
        begin, end = self._hashed, min(self._gapless(), self._hashed + limit)
        with store_errors("read download"):
            if self._reader is None:
                self._reader = FileIO(self._disk.open(self._file))
                self._reader.seek(begin)
            buffer = memoryview(bytearray(_HASH_CHUNK))
            while self._hashed < end:
                count = self._reader.readinto(buffer[: end - self._hashed])
                if not count:
                    break
                self._state.update(buffer[:count])
                self._hashed += count
        return self._hashed - begin

    @property
    def checkpoint_due(self) -> bool:
        """Whether enough was written, or enough time has passed, for a checkpoint."""
        waited = time.monotonic() - self._checkpointed > _CHECKPOINT_SECONDS
        return self._pending >= _CHECKPOINT_BYTES or (waited and self._pending > 0)

    def checkpoint(self) -> None:
        """Bring the bytes to the device, then say so in the records.

        Raises:
            NoSpace, StoreReadOnly, StoreError: the records are as before.
        """
        with self._lock, store_errors("record download"):
            counts = [part.completed for part in self.parts]
            self._pending, self._checkpointed = 0, time.monotonic()
            self._disk.sync(self._descriptor)
            for part, count in zip(self.parts, counts, strict=True):
                if count != part.recorded:
                    self._record(part, count)

    def close(self) -> None:
        """Leave the download as it is, to be resumed; records what is there."""
        if self._descriptor < 0:
            return
        try:
            self.checkpoint()
        finally:
            self._release()

    def finish(self, expected: Digest) -> None:
        """Hash the whole file and give it its name.

        Raises:
            DigestMismatch: the bytes are wrong; they are discarded.
            StoreError: parts are missing, or the disk failed; resumable.
        """
        if not all(part.done for part in self.parts):
            raise StoreError("the download is not complete")
        with store_errors("finish download"):
            self._disk.sync(self._descriptor)
        while self.hash_some(self.total):
            pass
        got = Digest(self._state.hexdigest())
        if got != expected:
            self.discard()
            raise DigestMismatch(
                f"digest mismatch, file must be downloaded again: want {expected}, got {got}"
            )
        with store_errors("finish download"):
            self._disk.chmod(self._descriptor, _MODE)
            self._disk.replace(self._file, self._final)
            self._disk.sync_folder(self._final.parent)
            self._stamps.add(expected, os.fstat(self._descriptor))
        self._release()
        self._remove_records()

    def discard(self) -> None:
        """Remove all traces of the download."""
        self._release()
        discard(self._disk, self._file)
        self._remove_records()
        self.parts = []

    def _resumable(self, total: int) -> list[Part]:
        """Parts of an earlier download of this size, empty when it cannot be continued."""
        parts = self._recorded_parts()
        found = regular(self._file)
        size = sum(part.size for part in parts)
        return parts if found and size == total == found.st_size else []

    def _gapless(self) -> int:
        """Bytes from the start of the file to the first one that is missing."""
        end = 0
        for part in self.parts:
            end += part.completed
            if not part.done:
                break
        return end

    def _forget_hash(self) -> None:
        self._state, self._hashed = hashlib.sha256(), 0
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _begin(self, total: int) -> None:
        self.discard()
        self._descriptor = self._disk.create(self._file, _MODE)
        self._disk.truncate(self._descriptor, total)
        self.parts = list(divide(total))
        for part in self.parts:
            self._record(part, 0)
        self._disk.sync_folder(self._final.parent)

    def _record(self, part: Part, completed: int) -> None:
        """Replace one record; the old one stays whole until the new one is."""
        temporary = self._final.with_name(f"sha256-{secrets.randbelow(10**15):015d}")
        record = {"N": part.n, "Offset": part.offset, "Size": part.size, "Completed": completed}
        ours = {"By": _MAKER, "For": self._model} if self._model else {"By": _MAKER}
        data = json.dumps({**record, **ours}, separators=(",", ":")).encode() + b"\n"
        try:
            with closing(self._disk.create(temporary, _MODE)) as descriptor:
                write_all(self._disk, descriptor, data)
                self._disk.sync(descriptor)
            self._disk.replace(temporary, self._record_path(part.n))
        except OSError:
            discard(self._disk, temporary)
            raise
        part.recorded = completed

    def _record_path(self, number: int) -> Path:
        return self._file.with_name(f"{self._file.name}-{number}")

    def _recorded_parts(self) -> list[Part]:
        """Parts as recorded; empty when a record is missing or makes no sense."""
        parts: list[Part] = []
        offset = 0
        count = len(list(self._records()))
        for number in range(count):
            part = _read_record(self._record_path(number), number)
            if part is None or part.offset != offset:
                return []
            parts.append(part)
            offset += part.size
        return parts

    def _records(self) -> Iterator[Path]:
        yield from self._file.parent.glob(f"{self._file.name}-*")

    def _remove_records(self) -> None:
        for path in list(self._records()):
            discard(self._disk, path)

    def _release(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._reader is not None:
            self._reader.close()
            self._reader = None


def divide(total: int) -> Iterator[Part]:
    """Parts of a new download: 16 of them, each 100 MB to 1 GB."""
    size = min(max(total // _PARTS, _MIN_PART), _MAX_PART)
    for number, offset in enumerate(range(0, total, size)):
        yield Part(number, offset, min(size, total - offset))


def is_ours(partial: Path) -> bool:
    """Whether the download into ``…-partial`` was begun, or gone on with, by us."""
    return _record_data(partial.with_name(f"{partial.name}-0")).get("By") == _MAKER


def _record_data(path: Path) -> dict[str, Any]:
    """The JSON object of a record; empty when there is none."""
    found = regular(path)
    if found is None or found.st_size > 4096:
        return {}
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _read_record(path: Path, number: int) -> Part | None:
    data = _record_data(path)
    try:
        part = Part(data["N"], data["Offset"], data["Size"], data["Completed"], data["Completed"])
    except KeyError:
        return None
    values = (part.n, part.offset, part.size, part.completed)
    sound = all(isinstance(value, int) and value >= 0 for value in values)
    return part if sound and part.n == number and part.completed <= part.size > 0 else None
