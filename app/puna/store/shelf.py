"""Manifest files: ``manifests/<host>/<namespace>/<model>/<tag>``, found and replaced.

Only regular files exactly four folders deep count. Links are not followed,
neither as files nor as folders.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from puna.errors import InvalidName, StoreError
from puna.names import ModelName
from puna.store.disk import Disk, closing, discard, regular, store_errors, write_all

TEMPORARY = ".puna-"
_DEPTH = 4
_MODE = 0o644
_MAX_MANIFEST = 4 << 20
_QUIET_NS = 2_000_000_000


@dataclass(frozen=True, slots=True)
class Slip:
    """A file where a manifest belongs.

    Attributes:
        location: its path.
        elements: the last four names of the path.
        found: ``lstat`` of the file; ``None`` when it is a link or not a file.
    """

    location: str
    elements: tuple[str, ...]
    found: os.stat_result | None

    @property
    def path(self) -> Path:
        """The location as a path."""
        return Path(self.location)

    @property
    def name(self) -> ModelName | None:
        """The model it stands for; ``None`` when no model can have this name."""
        host, namespace, model, tag = map(_part, self.elements)
        try:
            return ModelName.from_parts(host, namespace, model, tag)
        except InvalidName:
            return None


class Shelf:
    """The folder of manifests, one file per model."""

    def __init__(self, folder: Path, disk: Disk) -> None:
        self.folder = folder
        self._disk = disk
        self._listings = _Listings()

    def path(self, name: ModelName) -> Path:
        """Where the manifest of ``name`` is or would be."""
        return self.folder.joinpath(*map(_element, name.parts))

    def slips(self) -> Iterator[Slip]:
        """All files at the depth of a manifest, in the order of their names."""
        for location, elements in self._listings.walk(str(self.folder), ()):
            yield Slip(location, elements, _lstat_regular(location))

    def resolve(self, name: ModelName) -> ModelName:
        """``name`` in the spelling that is already in use, as far as it is.

        Names that differ only by case are one model, so each part takes the
        spelling of an existing folder or file, from the host downwards, until
        one has no counterpart.
        """
        spelled = _spelling(self.folder, name.parts)
        host, namespace, model, tag = (*spelled, *name.parts[len(spelled) :])
        return ModelName(host, namespace, model, tag, name.scheme)

    def read(self, path: Path) -> bytes:
        """The bytes of a manifest.

        Raises:
            FileNotFoundError: no regular file is there.
            StoreError: it cannot be read, or is too large for a manifest.
        """
        found = regular(path)
        if found is None or not self._is_real(path.parent):
            raise FileNotFoundError(path)
        if found.st_size > _MAX_MANIFEST:
            raise StoreError("a manifest is larger than 4 MiB")
        with store_errors("read manifest"), closing(self._disk.open(path)) as descriptor:
            pieces = iter(lambda: os.read(descriptor, 1 << 16), b"")
            return b"".join(pieces)

    def write(self, name: ModelName, raw: bytes) -> None:
        """Put or replace a manifest: afterwards it is the old or the new one.

        Raises:
            NoSpace, StoreReadOnly, StoreError: it is the old one.
        """
        path = self.path(name)
        temporary = self.folder.parent / f"{TEMPORARY}{secrets.token_hex(8)}"
        with store_errors(f"write manifest of {name.display}"):
            try:
                self._write_temporary(temporary, raw)
                self._make_folder(path.parent)
                self._disk.replace(temporary, path)
                self._sync_folders(path.parent)
            except OSError:
                discard(self._disk, temporary)
                self.remove_empty(path.parent)
                raise

    def remove(self, path: Path) -> None:
        """Remove a manifest and the folders it leaves empty.

        Raises:
            FileNotFoundError: no file or link is there.
            StoreReadOnly, StoreError: it is still there.
        """
        if not path.is_symlink() and regular(path) is None:
            raise FileNotFoundError(path)
        with store_errors("remove manifest"):
            self._disk.unlink(path)
            self._disk.sync_folder(path.parent)
        self.remove_empty(path.parent)

    def remove_empty(self, folder: Path) -> None:
        """Remove a folder and its parents, up to the shelf, while they are empty."""
        with contextlib.suppress(OSError):
            while folder != self.folder and self.folder in folder.parents:
                self._disk.remove_folder(folder)
                folder = folder.parent

    def remove_all_empty(self) -> None:
        """Remove every empty folder below the shelf."""
        for folder, _, _ in os.walk(self.folder, topdown=False):
            self.remove_empty(Path(folder))

    def _write_temporary(self, path: Path, raw: bytes) -> None:
        with closing(self._disk.create(path, _MODE)) as descriptor:
            write_all(self._disk, descriptor, raw)
            self._disk.sync(descriptor)

    def _make_folder(self, folder: Path) -> None:
        self._disk.make_folder(folder)
        if not self._is_real(folder):
            raise StoreError("a folder of the manifest is a link")

    def _sync_folders(self, folder: Path) -> None:
        """Make the new name, and folders that may be new, survive a power loss."""
        while folder != self.folder.parent:
            self._disk.sync_folder(folder)
            folder = folder.parent

    def _is_real(self, folder: Path) -> bool:
        """Whether no folder between the shelf and here is a link."""
        while folder != self.folder:
            if folder.is_symlink():
                return False
            folder = folder.parent
        return True


class _Listings:
    """Names in folders, read again only when a folder has changed.

    A folder that changed a moment ago may change again within the same tick
    of its clock, so it is remembered only once it has been quiet for a while.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, tuple[tuple[str, bool], ...]]] = {}

    def walk(self, folder: str, parts: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Everything but folders at the depth of manifests, with its names."""
        for name, is_folder in self._names(folder):
            location, elements = f"{folder}{os.sep}{name}", (*parts, name)
            if len(elements) < _DEPTH and is_folder:
                yield from self.walk(location, elements)
            elif len(elements) == _DEPTH and not is_folder:
                yield location, elements

    def _names(self, folder: str) -> tuple[tuple[str, bool], ...]:
        try:
            changed = os.lstat(folder).st_mtime_ns
        except OSError:
            return ()
        known = self._known.get(folder)
        if known and known[0] == changed:
            return known[1]
        names = tuple(
            (entry.name, entry.is_dir(follow_symlinks=False)) for entry in _entries(folder)
        )
        if time.time_ns() - changed > _QUIET_NS:
            self._known[folder] = changed, names
        return names


def _lstat_regular(location: str) -> os.stat_result | None:
    try:
        found = os.lstat(location)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _entries(folder: Path | str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError:
        return []


def _spelling(folder: Path, parts: tuple[str, ...]) -> tuple[str, ...]:
    """The longest run of existing names that equal ``parts`` but for case."""
    if not parts:
        return ()
    wanted = _element(parts[0])
    alike = [entry.name for entry in _entries(folder) if entry.name.lower() == wanted.lower()]
    alike.sort(key=lambda name: name != wanted)
    runs = [(_part(name), *_spelling(folder / name, parts[1:])) for name in alike]
    return max(runs, key=len, default=())


def _element(part: str) -> str:
    """A part as a file name; Windows allows no colon, as in ``host:5000``."""
    return part.replace(":", "%3A") if os.name == "nt" else part


def _part(element: str) -> str:
    return element.replace("%3A", ":") if os.name == "nt" else element
