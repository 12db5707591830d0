"""Conversations kept outside the cache: in main memory, and from there on disk.

Idle sequences cost every running stream attention time as long as they hold
cells, so their state is copied out and put back when a prompt continues them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from puna.runner.prefix import common_prefix
from puna.runner.snapshot import Snapshot, furthest
from puna.runner.state import StateFile, StateFolder

MIN_TOKENS = 32
"""Shorter conversations are read again faster than they are looked for."""

MIN_TOKENS_ON_DISK = 128

_FILLED = 0.75
"""Part of the memory for conversations that is in use after a rest."""


@dataclass(slots=True, eq=False)
class Parked:
    """One conversation.

    Attributes:
        variant: the adapters it was read with, see :class:`AdapterSet`.
        snapshot: ``None`` when it is only on disk.
        file: ``None`` when it was not written.
        refused: the disk does not take it.
        used: larger = later.
    """

    tokens: list[int]
    variant: str
    snapshot: Snapshot | None
    file: StateFile | None
    used: int
    refused: bool = False

    @property
    def end_length(self) -> int:
        """Tokens of the prompt whose end is known, 0 = of none."""
        if self.snapshot is None:
            return self.file.head.end_length if self.file is not None else 0
        return self.snapshot.end.length if self.snapshot.end is not None else 0

    @property
    def positions(self) -> list[int]:
        """Of its checkpoints."""
        if self.snapshot is not None:
            return [checkpoint.position for checkpoint in self.snapshot.checkpoints]
        points = self.file.head.checkpoints if self.file is not None else []
        return [position for position, _ in points]

    @property
    def size(self) -> int:
        """Bytes of main memory it takes."""
        return self.snapshot.size if self.snapshot is not None else 0


class ParkedConversations:
    """The conversations outside the cache, least recently used first to go.

    Args:
        limit: bytes of main memory.
        folder: where they go from there.

    Attributes:
        limit: as given.
        whole: a state can be cut at its checkpoints alone. So it is with recurrent models, and
            with sliding windows: of those a state has only what the next token looks at.
    """

    def __init__(self, limit: int, folder: StateFolder | None, *, whole: bool = False) -> None:
        self.limit = limit
        self._folder = folder
        self.whole = whole
        self._clock = itertools.count(1)
        self._entries: list[Parked] = []
        if folder is not None:
            self._entries = [
                Parked(file.head.tokens, file.head.variant, None, file, next(self._clock))
                for file in folder.files()
            ]

    def find(
        self, tokens: Sequence[int], variant: str = "", *, longer_than: int
    ) -> tuple[Parked, int] | None:
        """The entry of which most can be put back for ``tokens``, and how much, if that is enough."""
        best: Parked | None = None
        for entry in self._of(variant):
            length = self.reach(entry, common_prefix(entry.tokens, tokens))
            if length > longer_than:
                best, longer_than = entry, length
        return (best, longer_than) if best is not None else None

    def reach(self, entry: Parked, length: int) -> int:
        """How many of the first ``length`` tokens of an entry can be put back."""
        if length == len(entry.tokens) or not self.whole:
            return length
        return furthest(entry.positions, length)

    def shared(self, tokens: Sequence[int], variant: str) -> int:
        """Tokens with which some entry begins too, whether they can be put back or not."""
        return max((common_prefix(e.tokens, tokens) for e in self._of(variant)), default=0)

    def has(self, tokens: Sequence[int], variant: str = "") -> bool:
        """Whether an entry holds all of ``tokens``, and can be used for them."""
        found = self.find(tokens, variant, longer_than=len(tokens) - 1)
        return found is not None

    def add(self, tokens: list[int], snapshot: Snapshot, variant: str = "") -> None:
        """Keep a state; entries that it continues are replaced."""
        for entry in self._of(variant):
            if common_prefix(entry.tokens, tokens) == len(entry.tokens):
                self.remove(entry)
        self._entries.append(Parked(tokens, variant, snapshot, None, next(self._clock)))
        self._shrink()

    def read(self, entry: Parked) -> Snapshot | None:
        """What is kept of it, from disk if need be; a damaged file is forgotten."""
        entry.used = next(self._clock)
        if entry.snapshot is not None:
            return entry.snapshot
        found = entry.file.read() if entry.file is not None else None
        if found is None:
            self.remove(entry)
        return found

    def remove(self, entry: Parked) -> None:
        """Forget an entry and its file."""
        self._entries = [other for other in self._entries if other is not entry]
        if entry.file is not None:
            entry.file.delete()

    def write_one(self) -> bool:
        """Write one entry that is not on disk yet; False when there is none."""
        for entry in self._entries:
            if self._wants_file(entry):
                self._write(entry)
                return True
        return False

    def write_all(self) -> None:
        """Write every entry that is not on disk yet."""
        while self.write_one():
            pass

    def make_room(self) -> bool:
        """Leave the oldest to the disk before its place is needed; False when there is room.

        When it is needed somebody waits, and writing takes a second per gigabyte or more.
        """
        return self._memory > self.limit * _FILLED and any(map(self._move_out, self._in_memory))

    def _of(self, variant: str) -> list[Parked]:
        return [entry for entry in self._entries if entry.variant == variant]

    def _wants_file(self, entry: Parked) -> bool:
        return (
            self._folder is not None
            and self._folder.usable
            and entry.file is None
            and not entry.refused
            and len(entry.tokens) >= MIN_TOKENS_ON_DISK
        )

    def _write(self, entry: Parked) -> None:
        assert self._folder is not None
        assert entry.snapshot is not None
        entry.file = self._folder.write(entry.tokens, entry.snapshot, entry.variant)
        entry.refused = entry.file is None

    @property
    def _memory(self) -> int:
        return sum(entry.size for entry in self._entries)

    @property
    def _in_memory(self) -> list[Parked]:
        """Entries that are not only on disk, the one used longest ago first."""
        return sorted((e for e in self._entries if e.snapshot is not None), key=lambda e: e.used)

    def _shrink(self) -> None:
        while self._memory > self.limit:
            oldest = self._in_memory[0]
            if not self._move_out(oldest):
                self.remove(oldest)

    def _move_out(self, entry: Parked) -> bool:
        """Leave an entry to the disk; False when it cannot be there."""
        if self._wants_file(entry):
            self._write(entry)
        if entry.file is None:
            return False
        entry.snapshot = None
        return True
