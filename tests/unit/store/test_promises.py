"""Every file operation of the store fails once, at every place it is used."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from puna.errors import PunaError
from puna.names import ModelName
from puna.store.digest import Digest
from puna.store.disk import Disk
from puna.store.store import Store

NAME = ModelName.checked("m")
OTHER = ModelName.checked("other")
WEIGHTS = b"GGUF" + bytes(1000)
DOWNLOAD = bytes(range(256)) * 40


class FaultyDisk(Disk):
    """Counts calls and makes one of them fail, before or (for writes) half-way."""

    def __init__(self, fail_at: int = -1, number: int = errno.EIO) -> None:
        self.calls = 0
        self._fail_at = fail_at
        self._number = number

    def _count(self) -> None:
        self.calls += 1
        if self.calls - 1 == self._fail_at:
            raise OSError(self._number, os.strerror(self._number))

    def create(self, path: Path, mode: int) -> int:
        self._count()
        return super().create(path, mode)

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        half = max(len(data) // 2, 1)
        written = super().write(descriptor, data[:half])
        self._count()
        return written

    def write_at(self, descriptor: int, data: bytes | memoryview, offset: int) -> int:
        half = max(len(data) // 2, 1)
        written = super().write_at(descriptor, data[:half], offset)
        self._count()
        return written

    def truncate(self, descriptor: int, size: int) -> None:
        self._count()
        super().truncate(descriptor, size)

    def sync(self, descriptor: int) -> None:
        """Nothing cuts the power here: no need to wait for the device."""
        self._count()

    def sync_folder(self, folder: Path) -> None:
        self._count()

    def replace(self, source: Path, target: Path) -> None:
        self._count()
        super().replace(source, target)

    def chmod(self, descriptor: int, mode: int) -> None:
        self._count()
        super().chmod(descriptor, mode)

    def unlink(self, path: Path) -> None:
        self._count()
        super().unlink(path)

    def make_folder(self, path: Path) -> None:
        self._count()
        super().make_folder(path)

    def remove_folder(self, path: Path) -> None:
        self._count()
        super().remove_folder(path)


def _create(store: Store, build: Any) -> None:
    manifest = build(store, WEIGHTS + b"new", "new system")
    store.library.discard(store.library.write(NAME, manifest))


def _copy(store: Store, build: Any) -> None:
    store.library.copy(NAME, ModelName.checked("ns/copy:v1"))


def _copy_over(store: Store, build: Any) -> None:
    store.library.copy(NAME, OTHER)


def _remove(store: Store, build: Any) -> None:
    if store.library.exists(NAME):
        store.library.remove(NAME)


def _download(store: Store, build: Any) -> None:
    digest = Digest.of(DOWNLOAD)
    if store.blobs.verify(digest):
        return
    partial = store.blobs.partial(digest)
    partial.open(len(DOWNLOAD))
    try:
        for part in partial.parts:
            part_data = DOWNLOAD[part.position : part.offset + part.size]
            partial.write_at(part, part_data)
        partial.checkpoint()
        partial.finish(digest)
    finally:
        partial.close()


def _open_again(store: Store, build: Any) -> None:
    store.close()
    store.open()


OPERATIONS = [_create, _copy, _copy_over, _remove, _download, _open_again]


def _filled(folder: Path, build: Any) -> None:
    store = Store(folder)
    store.open()
    for name, weights in ((NAME, WEIGHTS), (OTHER, WEIGHTS + b"other")):
        store.library.write(name, build(store, weights, "old system"))
    store.close()


def _state(store: Store) -> dict[str, str]:
    return {model.name.display: model.digest for model in store.library.list()}


def _wrong_blobs(folder: Path) -> Iterator[str]:
    for path in (folder / "blobs").iterdir():
        if len(path.name) == 71 and Digest.of(path.read_bytes()).filename != path.name:
            yield path.name


def _fault_points(run: Callable[[Store, Any], None], folder: Path, build: Any) -> int:
    disk = FaultyDisk()
    store = Store(folder, disk=disk)
    store.open()
    before = disk.calls
    run(store, build)
    store.close()
    return disk.calls - before


@pytest.mark.parametrize(
    ("run", "number"),
    [*((run, errno.EIO) for run in OPERATIONS), (_create, errno.ENOSPC)],
)
def test_each_fault_leaves_the_old_or_the_new_state(
    run: Callable[[Store, Any], None], number: int, tmp_path: Path, build: Any
) -> None:
    _filled(tmp_path / "filled", build)
    shutil.copytree(tmp_path / "filled", tmp_path / "count")
    points = _fault_points(run, tmp_path / "count", build)
    for point in range(points):
        folder = tmp_path / str(point)
        shutil.copytree(tmp_path / "filled", folder)
        disk = FaultyDisk()
        store = Store(folder, disk=disk)
        store.open()
        old = _state(store)
        disk._fail_at, disk._number = disk.calls + point, number
        acknowledged = _succeeds(run, store, build)
        left = _state(store)
        _check_unharmed(folder, store)
        assert _succeeds(run, store, build), "the same operation works once the fault is gone"
        new = _state(store)
        assert left in (old, new), point
        assert not acknowledged or left == new, point
        _check_unharmed(folder, store)
        store.close()
        _reopened(folder, new)


def _succeeds(run: Callable[[Store, Any], None], store: Store, build: Any) -> bool:
    try:
        run(store, build)
    except PunaError:
        return False
    return True


def _check_unharmed(folder: Path, store: Store) -> None:
    assert list(_wrong_blobs(folder)) == []
    assert store.library.damaged() == ()


def _reopened(folder: Path, expected: dict[str, str]) -> None:
    store = Store(folder)
    store.open()
    assert _state(store) == expected
    leftovers = [path.name for path in folder.iterdir() if path.name.startswith(".puna-")]
    assert leftovers == []
    store.close()


def test_a_manifest_reaches_the_device_before_it_gets_its_name(tmp_path: Path, build: Any) -> None:
    order: list[str] = []

    class Recording(Disk):
        def sync(self, descriptor: int) -> None:
            order.append("sync")
            super().sync(descriptor)

        def replace(self, source: Path, target: Path) -> None:
            order.append("rename")
            super().replace(source, target)

        def sync_folder(self, folder: Path) -> None:
            order.append("sync folder")
            super().sync_folder(folder)

    store = Store(tmp_path, disk=Recording())
    store.open()
    manifest = build(store, WEIGHTS)
    blobs = [step for step in order if step != "sync folder"]
    assert blobs == ["sync", "rename"] * 2
    order.clear()
    store.library.write(NAME, manifest)
    assert order[:3] == ["sync", "rename", "sync folder"]


def test_nothing_outside_the_folder_is_written(tmp_path: Path, build: Any) -> None:
    folder = tmp_path / "models"
    _filled(folder, build)
    store = Store(folder, state_folder=tmp_path / "state")
    store.open()
    for run in OPERATIONS:
        run(store, build)
    assert {path.name for path in tmp_path.iterdir()} <= {"models", "state"}
    assert {path.name for path in folder.iterdir()} == {"blobs", "manifests", ".puna.lock"}
