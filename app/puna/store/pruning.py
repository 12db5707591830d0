"""Removes what no model uses, by the rules that Ollama prunes by.

Nothing is removed while one manifest cannot be read, since its blobs cannot
be told from orphans; and nothing younger than an hour, since somebody may be
making a model of it. Unlike there, downloads of our own wait for a month to be
gone on with.
"""

from __future__ import annotations

import logging
import os
import re
import stat
import time
from pathlib import Path

from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.disk import Disk, discard, regular
from puna.store.library import Library
from puna.store.partial import is_ours

logger = logging.getLogger(__name__)

GRACE = 3600.0
"""Seconds for which an unused file is left alone."""

DOWNLOAD_GRACE = 30 * 86400.0
"""Seconds for which an unfinished download of ours is left alone."""

_BLOB = re.compile(r"sha256-[0-9a-f]{64}")
_LEGACY = re.compile(r"sha256:([0-9a-fA-F]{64})")
_RECORD = re.compile(r"(sha256-[0-9a-f]{64})-partial-\d+")
_DOWNLOAD = re.compile(r"(sha256-[0-9a-f]{64}-partial)(?:-\d+)?")


def prune(library: Library, blobs: BlobStore, disk: Disk) -> int:
    """Remove unused files older than :data:`GRACE`, and empty manifest folders.

    Returns:
        How many files were removed.
    """
    removed = _remove([path for path in _idle(library, blobs) if not _may_go_on(path)], disk)
    library.shelf.remove_all_empty()
    return removed


def unused(library: Library, blobs: BlobStore) -> list[Path]:
    """Files older than :data:`GRACE` that neither a model nor a download needs."""
    return [path for path in _idle(library, blobs) if _download_of(path) is None]


def remove_unused(library: Library, blobs: BlobStore, disk: Disk) -> int:
    """Remove what :func:`unused` finds; returns how many files."""
    return _remove(unused(library, blobs), disk)


def _idle(library: Library, blobs: BlobStore) -> list[Path]:
    """Old files that no model needs; none while that cannot be told."""
    used = library.references()
    if used is None:
        damaged = [str(one.path) for one in library.damaged()]
        logger.warning("nothing is pruned while manifests are damaged: %s", ", ".join(damaged))
        return []
    kept = {digest.filename for digest in used}
    return [
        path
        for path in _old_files(blobs.folder)
        if path.name not in kept and not _is_pinned(blobs, path.name)
    ]


def _remove(paths: list[Path], disk: Disk) -> int:
    for path in paths:
        discard(disk, path)
    if paths:
        logger.info("%d unused files were removed from %s", len(paths), paths[0].parent)
    return len(paths)


def migrate(folder: Path, disk: Disk) -> None:
    """Rename blobs of very old versions, ``sha256:…``, to today's form.

    Raises:
        OSError: one could not be renamed.
    """
    for path in folder.iterdir():
        if (match := _LEGACY.fullmatch(path.name)) and regular(path):
            disk.replace(path, path.with_name(f"sha256-{match[1].lower()}"))


def tidy(folder: Path, disk: Disk) -> None:
    """Remove records of downloads that were finished just before a crash."""
    for path in folder.iterdir():
        match = _RECORD.fullmatch(path.name)
        if match is None:
            continue
        final = path.with_name(match[1])
        if regular(final) and not final.with_name(final.name + "-partial").exists():
            discard(disk, path)


def _old_files(folder: Path) -> list[Path]:
    """Regular files, links and folders left out, that nobody wrote to lately."""
    now = time.time()
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            state = entry.stat(follow_symlinks=False)
            if stat.S_ISREG(state.st_mode) and now - state.st_mtime > GRACE:
                found.append(Path(entry.path))
    return found


def _is_pinned(blobs: BlobStore, name: str) -> bool:
    return bool(_BLOB.fullmatch(name)) and blobs.is_pinned(Digest.parse(name))


def _may_go_on(path: Path) -> bool:
    """Whether a file belongs to a download of ours that is not very old."""
    partial = _download_of(path)
    found = regular(partial) if partial else None
    if partial is None or found is None:
        return False
    return time.time() - found.st_mtime < DOWNLOAD_GRACE and is_ours(partial)


def _download_of(path: Path) -> Path | None:
    """The unfinished download that a file belongs to; ``None`` when it does to none."""
    match = _DOWNLOAD.fullmatch(path.name)
    partial = path.with_name(match[1]) if match else None
    return partial if partial and regular(partial) else None
