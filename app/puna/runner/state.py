r"""Conversation state on disk: one checked file per conversation, bounded in total.

Layout: ``PUNAKV1\n``, then little-endian u64 header length, u64 state length,
u32 CRC-32 of the state, u32 CRC-32 of the header, the header (msgpack of key,
tokens and adapters), the state. Written under a temporary name and renamed, so a file
with its final name is whole; the checksums catch what the disk does later.
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

from puna.runner.buffers import buffer
from puna.runner.llama import ByteArray
from puna.runner.protocol import LoadOptions

logger = logging.getLogger(__name__)

_MAGIC = b"PUNAKV1\n"
_NUMBERS = struct.Struct("<QQII")
_SUFFIX = ".state"
_MAX_HEADER = 64 << 20


class _Header(msgspec.Struct, frozen=True):
    key: str
    tokens: list[int]
    variant: str = ""


@dataclass(frozen=True, slots=True)
class StateFile:
    """A conversation on disk.

    Attributes:
        variant: the adapters it was read with, see :class:`AdapterSet`.
        offset: where its state begins.
    """

    path: Path
    tokens: list[int]
    variant: str
    offset: int
    size: int
    checksum: int

    def read(self) -> ByteArray | None:
        """The state; ``None``, and the file gone, when it is damaged."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.offset)
                state = buffer(self.size)
                is_whole = file.readinto(state.data) == self.size and not file.read(1)
            os.utime(self.path)
        except OSError:
            return None
        if not is_whole or zlib.crc32(state.data) != self.checksum:
            logger.warning("ignored a damaged state file: %s", self.path.name)
            self.delete()
            return None
        return state

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

    def write(self, tokens: Sequence[int], state: ByteArray, variant: str = "") -> StateFile | None:
        """Keep a state; ``None`` when the disk refuses or it is over the limit."""
        header = msgspec.msgpack.encode(_Header(self._key, list(tokens), variant))
        total = len(_MAGIC) + _NUMBERS.size + len(header) + state.nbytes
        if total > self._limit:
            return None
        checksum = zlib.crc32(state.data)
        numbers = _NUMBERS.pack(len(header), state.nbytes, checksum, zlib.crc32(header))
        name = f"{self._prefix}-{hashlib.sha256(header).hexdigest()[:24]}{_SUFFIX}"
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._make_room(total)
            _write_whole(self._folder / name, _MAGIC + numbers + header, state)
        except OSError as error:
            logger.warning("conversation state is not kept: %s", error.strerror)
            self.usable = False
            return None
        offset = total - state.nbytes
        return StateFile(self._folder / name, list(tokens), variant, offset, state.nbytes, checksum)

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
    parts = [f"{Path(path).name}:{Path(path).stat().st_size}" for path in options.paths]
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
        header = msgspec.msgpack.decode(raw, type=_Header)
    except (OSError, msgspec.DecodeError):
        return None
    offset = len(start) + length
    whole = zlib.crc32(raw) == head_checksum and path.stat().st_size == offset + size
    if not whole or header.key != key:
        return None
    return StateFile(path, header.tokens, header.variant, offset, size, checksum)


def _write_whole(path: Path, head: bytes, state: ByteArray) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix="tmp-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(head)
            file.write(state.data)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
