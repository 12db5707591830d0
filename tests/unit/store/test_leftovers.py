"""What lies in the models folder and belongs to no model."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from puna.errors import BlobNotFound, Conflict, StoreReadOnly
from puna.store.digest import Digest
from puna.store.store import Store

DIGEST = Digest("a" * 64)


def _put(store: Store, name: str, size: int) -> Path:
    path = store.blobs.folder / name
    path.write_bytes(b"x" * size)
    return path


def _age(store: Store) -> None:
    """Make all files old enough to be removed."""
    for path in store.blobs.folder.iterdir():
        os.utime(path, (time.time() - 7200,) * 2)


def _download(store: Store, model: str = "gemma3:4b") -> None:
    partial = store.blobs.partial(DIGEST, model)
    partial.open(1000)
    partial.write_at(partial.parts[0], b"x" * 400)
    partial.close()


def test_files_that_no_model_uses_are_counted_and_removed(store: Store, add: Any) -> None:
    add("keep")
    _put(store, f"sha256-{'b' * 64}", 30)
    _put(store, "notes.txt", 12)
    _age(store)
    found = store.leftovers()
    assert (found.files, found.size) == (2, 42)
    assert store.remove_unused() == 2
    assert store.leftovers().files == 0
    assert [model.name.model for model in store.library.list()] == ["keep"]


def test_a_new_file_may_become_part_of_a_model(store: Store) -> None:
    _put(store, f"sha256-{'b' * 64}", 30)
    assert store.leftovers().files == 0


def test_an_unfinished_download_tells_its_model_and_is_not_unused(store: Store) -> None:
    _download(store)
    _age(store)
    found = store.leftovers()
    (download,) = found.downloads
    assert (download.model, download.size, download.completed) == ("gemma3:4b", 1000, 400)
    assert abs(time.time() - 7200 - download.touched) < 60
    assert found.files == 0
    assert store.remove_unused() == 0
    assert store.blobs.partial(DIGEST).stored(1000) == 400


def test_a_download_of_another_program_has_no_model(store: Store) -> None:
    _put(store, f"{DIGEST.filename}-partial", 1000)
    (download,) = store.leftovers().downloads
    assert (download.model, download.size, download.completed) == ("", 1000, 0)


def test_an_unfinished_download_is_removed_with_its_records(store: Store) -> None:
    _download(store)
    store.forget_download(DIGEST)
    assert list(store.blobs.folder.iterdir()) == []
    with pytest.raises(BlobNotFound):
        store.forget_download(DIGEST)


def test_a_download_that_goes_on_is_no_leftover(store: Store) -> None:
    _download(store)
    with store.blobs.pinned([DIGEST]):
        assert store.leftovers().downloads == ()
        with pytest.raises(Conflict):
            store.forget_download(DIGEST)
    assert len(store.leftovers().downloads) == 1


def test_nothing_is_unused_while_a_manifest_is_damaged(store: Store, add: Any) -> None:
    add("keep")
    _put(store, f"sha256-{'b' * 64}", 30)
    _age(store)
    (store.folder / "manifests/registry.ollama.ai/library/keep/broken").write_bytes(b"")
    assert store.leftovers().files == 0


def test_a_folder_that_is_only_read_keeps_everything(store: Store) -> None:
    _download(store)
    store.writable = False
    with pytest.raises(StoreReadOnly):
        store.forget_download(DIGEST)
    with pytest.raises(StoreReadOnly):
        store.remove_unused()
    assert len(store.leftovers().downloads) == 1
