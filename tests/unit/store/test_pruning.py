from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from puna.store.digest import Digest
from puna.store.store import Store

HEX = {letter: letter * 64 for letter in "abcde9f"}


def _old(path: Path) -> Path:
    long_ago = time.time() - 7200
    os.utime(path, (long_ago, long_ago), follow_symlinks=False)
    return path


def _file(store: Store, name: str, *, old: bool) -> Path:
    path = store.blobs.folder / name
    path.write_bytes(b"x")
    return _old(path) if old else path


def test_old_unused_files_go_and_everything_else_stays(store: Store, add: Any) -> None:
    used = {_old(store.blobs.path(blob.digest)).name for blob in add("keep").blobs}
    gone = (
        f"sha256-{HEX['a']}",
        f"sha256-{HEX['f'].upper()}",
        f"sha256-{HEX['c']}-partial",
        f"sha256-{HEX['c']}-partial-0",
        f"sha256-{HEX['e']}.tmp",
        "sha256-123456789",
        "COPY123",
        "notes.txt",
        ".hidden",
    )
    stay = (f"sha256-{HEX['b']}", f"sha256-{HEX['d']}-partial", "fresh.txt")
    for name in gone:
        _file(store, name, old=True)
    for name in stay:
        _file(store, name, old=False)
    (store.blobs.folder / "folder").mkdir()
    _old(_file(store, "folder/f", old=True).parent)
    assert store.prune() == len(gone)
    names = {path.name for path in store.blobs.folder.iterdir()}
    assert names == used | set(stay) | {"folder"}


@pytest.mark.parametrize(("days", "kept"), [(29, True), (31, False)])
def test_a_download_of_ours_waits_for_a_month(store: Store, days: int, kept: bool) -> None:
    partial = store.blobs.partial(Digest.parse(f"sha256:{HEX['a']}"))
    partial.open(5)
    partial.close()
    then = time.time() - days * 86400
    for path in store.blobs.folder.iterdir():
        os.utime(path, (then, then))
    store.prune()
    left = {path.name for path in store.blobs.folder.iterdir()}
    name = f"sha256-{HEX['a']}-partial"
    assert left == ({name, f"{name}-0"} if kept else set())


def test_a_link_is_left_alone(store: Store, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"x")
    link = store.blobs.folder / f"sha256-{HEX['a']}"
    link.symlink_to(outside)
    _old(link)
    store.prune()
    assert link.is_symlink()
    assert outside.exists()


def test_nothing_goes_while_a_manifest_is_damaged(store: Store, add: Any) -> None:
    add("keep")
    orphan = _file(store, f"sha256-{HEX['a']}", old=True)
    broken = store.folder / "manifests/registry.ollama.ai/library/keep/broken"
    for content in (b"null and void", b'{"layers":[{"digest":"sha256:zz"}]}', b""):
        broken.write_bytes(content)
        assert store.prune() == 0
    broken.rename(broken.with_name("bad name"))
    assert store.prune() == 0
    assert orphan.exists()


def test_an_empty_object_and_files_of_other_depth_do_not_count(store: Store, add: Any) -> None:
    add("keep")
    library = store.folder / "manifests/registry.ollama.ai/library"
    (library / "keep/empty").write_bytes(b"{}")
    (library / "shallow").write_bytes(b"junk")
    _file(store, f"sha256-{HEX['a']}", old=True)
    assert store.prune() == 1


def test_empty_manifest_folders_go(store: Store, add: Any) -> None:
    add("keep")
    for name in ("hf.co/a/b", "registry.ollama.ai/library/emptydir"):
        (store.folder / "manifests" / name).mkdir(parents=True)
    store.prune()
    folders = {path.name for path in (store.folder / "manifests").rglob("*") if path.is_dir()}
    assert folders == {"registry.ollama.ai", "library", "keep"}


def test_blobs_of_very_old_versions_are_renamed_at_start(tmp_path: Path) -> None:
    store = Store(tmp_path, keep_unused=True)
    store.blobs.folder.mkdir()
    _file(store, f"sha256:{HEX['9']}", old=True)
    store.open()
    assert [path.name for path in store.blobs.folder.iterdir()] == [f"sha256-{HEX['9']}"]


def test_records_of_a_finished_download_are_removed_at_start(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.blobs.folder.mkdir()
    record = json.dumps({"N": 0, "Offset": 0, "Size": 1, "Completed": 1})
    for name in (f"sha256-{HEX['a']}", f"sha256-{HEX['b']}-partial"):
        _file(store, name, old=False)
    for name in (f"sha256-{HEX['a']}-partial-0", f"sha256-{HEX['b']}-partial-0"):
        (store.blobs.folder / name).write_text(record)
    store.open()
    names = {path.name for path in store.blobs.folder.iterdir()}
    assert f"sha256-{HEX['a']}-partial-0" not in names
    assert f"sha256-{HEX['b']}-partial-0" in names
