r"""Conversation state on disk: one checked file per conversation, bounded in total.

Layout: ``PUNAKV2\n``, then little-endian u64 header length, u64 body length,
u32 CRC-32 of the body, u32 CRC-32 of the header, the header (msgpack of :class:`Head`),
the body: the state, its checkpoints and, as float32, the logits after the prompt. Written
under a temporary name and renamed, so a file with its final name is whole; the
checksums catch what the disk does later.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import struct
import tempfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from puna.runner.buffers import buffer, copy_of
from puna.runner.llama import ByteArray
from puna.runner.protocol import LoadOptions
from puna.runner.snapshot import Checkpoint, PromptEnd, Snapshot

logger = logging.getLogger(__name__)

_MAGIC = b"PUNAKV2\n"
_NUMBERS = struct.Struct("<QQII")
_SUFFIX = ".state"
_MAX_HEADER = 64 << 20


class Head(msgspec.Struct, frozen=True):
    """What a file says of its state.

    Attributes:
        key: what the state depends on, see :func:`state_key`.
        variant: the adapters it was read with, see :class:`AdapterSet`.
        end_length: tokens of the prompt that was read last, 0 = not known.
        end_bytes: of the logits at the end of the body.
        checkpoints: position and bytes of each.
    """

    key: str
    tokens: list[int]
    variant: str = ""
    end_length: int = 0
    end_bytes: int = 0
    checkpoints: list[tuple[int, int]] = []

    def parts(self, body: ByteArray) -> Snapshot:
        """The parts of a body."""
        logits_start = body.size - self.end_bytes
        start = logits_start - sum(size for _, size in self.checkpoints)
        state, checkpoints = body[:start], []
        for position, size in self.checkpoints:
            checkpoints.append(Checkpoint(position, copy_of(body[start : start + size])))
            start += size
        logits = np.frombuffer(body[logits_start:].tobytes(), "<f4").astype(np.float32)
        end = PromptEnd(self.end_length, logits) if self.end_length else None
        return Snapshot(state, tuple(checkpoints), end)

    def fits(self, size: int) -> bool:
        """Whether a body of so many bytes can have all parts."""
        sizes = [self.end_bytes, *(length for _, length in self.checkpoints)]
        return min(sizes) >= 0 and sum(sizes) <= size


@dataclass(frozen=True, slots=True)
class StateFile:
    """A conversation on disk.

    Attributes:
        offset: where the body begins.
        size: bytes of the body.
    """

    path: Path
    head: Head
    offset: int
    size: int
    checksum: int

    def read(self) -> Snapshot | None:
        """What is in it; ``None``, and the file gone, when it is damaged."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                body = buffer(self.size)
                is_whole = file.readinto(body.data) == self.size and not file.read(1)
            os.utime(self.path)
        except OSError:
            return None
        if not is_whole or zlib.crc32(body.data) != self.checksum:
            logger.warning("ignored a damaged state file: %s", self.path.name)
            self.delete()
            return None
        return self.head.parts(body)

    def delete(self) -> None:
        """Remove the file; it may be gone already."""
        with contextlib.suppress(OSError):
            self.path.unlink()


class StateFolder:
    """The state files of one model with one set of load options.

    Attributes:
        usable: False after the disk refused a file.
    """

    def __init__(self, folder: Path, key: str, limit: int) -> None:
        """``key`` names what a state depends on; ``limit`` is in bytes for all models."""
        self._folder = folder
        self._key = key
        self._prefix = hashlib.sha256(key.encode()).hexdigest()[:16]
        self._limit = limit
        self.usable = True

    def files(self) -> list[StateFile]:
        """What is there, oldest first. Files of other models or damaged ones are left out."""
        found = []
        for path in _by_age(self._folder, f"{self._prefix}-*{_SUFFIX}"):
            file = _read_head(path, self._key)
            if file is None:
                logger.warning("removed an unreadable state file: %s", path.name)
                path.unlink(missing_ok=True)
            else:
                found.append(file)
        return found

    def write(
        self, tokens: Sequence[int], snapshot: Snapshot, variant: str = ""
    ) -> StateFile | None:
        """Keep a state; ``None`` when the disk refuses or it is over the limit."""
        end = snapshot.end
        logits = end.logits.astype("<f4").tobytes() if end is not None else b""
        length = end.length if end is not None else 0
        sizes = [(point.position, point.state.nbytes) for point in snapshot.checkpoints]
        states = [snapshot.state, *(point.state for point in snapshot.checkpoints)]
        body = [*(state.data for state in states), memoryview(logits)]
        head = Head(self._key, list(tokens), variant, length, len(logits), sizes)
        header = msgspec.msgpack.encode(head)
        size = snapshot.size
        total = len(_MAGIC) + _NUMBERS.size + len(header) + size
        if total > self._limit:
            return None
        checksum = 0
        for part in body:
            checksum = zlib.crc32(part, checksum)
        numbers = _NUMBERS.pack(len(header), size, checksum, zlib.crc32(header))
        name = f"{self._prefix}-{hashlib.sha256(header).hexdigest()[:24]}{_SUFFIX}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room(total)
            _write_whole(self._folder / name, _MAGIC + numbers + header, *body)
        except OSError as error:
            logger.warning("conversation state is not kept: %s", error.strerror)
            self.usable = False
            return None
        return StateFile(self._folder / name, head, total - size, size, checksum)

    def _make_room(self, size: int) -> None:
        files = [(path, path.stat().st_size) for path in _by_age(self._folder, f"*{_SUFFIX}")]
        used = sum(length for _, length in files)
        for path, length in files:
            if used + size <= self._limit:
                return
            path.unlink(missing_ok=True)
            used -= length


def state_key(options: LoadOptions, build: str) -> str:
    """Everything but adapters that the state of a conversation depends on, as one text."""
    files = (*options.paths, *options.projectors[:1])
    parts = [f"{Path(path).name}:{Path(path).stat().st_size}" for path in files]
    parts += [f"{name}={value}" for name, value in sorted(options.kv_overrides.items())]
    return "|".join([*parts, options.kv_type, options.flash_attention, build])


def _by_age(folder: Path, pattern: str) -> list[Path]:
    dated = []
    for path in folder.glob(pattern):
        with contextlib.suppress(OSError):
            dated.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(dated)]


def _read_head(path: Path, key: str) -> StateFile | None:
    try:
        with path.open("rb") as file:
            start = file.read(len(_MAGIC) + _NUMBERS.size)
            if len(start) != len(_MAGIC) + _NUMBERS.size or not start.startswith(_MAGIC):
                return None
            length, size, checksum, head_checksum = _NUMBERS.unpack_from(start, len(_MAGIC))
            if length > _MAX_HEADER:
                return None
            raw = file.read(length)
        head = msgspec.msgpack.decode(raw, type=Head)
    except (OSError, msgspec.DecodeError):
        return None
    offset = len(start) + length
    whole = zlib.crc32(raw) == head_checksum and path.stat().st_size == offset + size
    if not whole or head.key != key or not head.fits(size):
        return None
    return StateFile(path, head, offset, size, checksum)


def _write_whole(path: Path, *pieces: bytes | memoryview) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            for piece in pieces:
                file.write(piece)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
