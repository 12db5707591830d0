from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from puna.errors import Conflict, StoreError, StoreReadOnly
from puna.names import ModelName
from puna.store import lock
from puna.store.disk import Disk
from puna.store.store import Store


class ReadOnlyDisk(Disk):
    """A disk that takes no change."""

    def create(self, path: Path, mode: int) -> int:
        raise OSError(errno.EROFS, "read-only file system")

    def make_folder(self, path: Path) -> None:
        raise OSError(errno.EROFS, "read-only file system")


def test_the_first_start_makes_the_two_folders(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "models")
    store.open()
    names = {path.name for path in store.folder.iterdir() if path.is_dir()}
    assert names == {"blobs", "manifests"}


def test_a_second_store_is_told_that_the_folder_is_in_use(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    with pytest.raises(Conflict, match=f"in use by another Puna .process {os.getpid()}."):
        Store(tmp_path).open()
    store.close()
    again = Store(tmp_path)
    again.open()
    again.close()


def test_a_store_waits_for_one_that_is_about_to_be_closed(tmp_path: Path) -> None:
    first, second = Store(tmp_path), Store(tmp_path)
    first.open()
    first.leaving()
    opening = threading.Thread(target=second.open)
    opening.start()
    opening.join(2 * lock.PATIENCE)
    assert opening.is_alive()
    first.close()
    opening.join(10)
    with pytest.raises(Conflict, match=f"process {os.getpid()}"):
        first.open()
    second.close()


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from puna.store.store import Store; "
        "Store(Path(sys.argv[1])).open(); print('open', flush=True); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, timeout=30, check=False
    )
    assert done.stdout == b"open\n"
    store = Store(tmp_path)
    store.open()
    store.close()


def test_a_read_only_folder_is_opened_for_reading(tmp_path: Path, add: Any, store: Store) -> None:
    add("m")
    store.close()
    shared = Store(store.folder, disk=ReadOnlyDisk())
    shared.open()
    assert not shared.writable
    assert [model.name.model for model in shared.library.list()] == ["m"]
    with pytest.raises(StoreReadOnly):
        shared.blobs.put(b"new")


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match=r"mkdir .*file: .*ensure path elements are traversable"):
        Store(tmp_path / "file").open()


def test_what_a_crash_left_beside_the_folders_is_removed(tmp_path: Path) -> None:
    (tmp_path / ".puna-0123456789abcdef").write_bytes(b"half a manifest")
    store = Store(tmp_path)
    store.open()
    assert {path.name for path in tmp_path.iterdir()} == {"blobs", "manifests", ".puna.lock"}


def test_what_we_write_passes_the_checker_of_ollamas_layout(
    store: Store, add: Any, gguf: Any, golden: Path
) -> None:
    add("a", gguf(), system="s")
    add("host.example:5000/ns/b:t", gguf(fill=1.0))
    store.library.copy(ModelName.checked("a"), ModelName.checked("ns/c"))
    store.library.remove(ModelName.checked("a"))
    partial = store.blobs.partial(store.library.list()[0].manifest.config.digest)
    partial.open(150_000_000)
    partial.write_at(partial.parts[0], b"x" * 100)
    partial.close()
    done = subprocess.run(
        [sys.executable, golden / "store" / "check_store.py", store.folder],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.endswith(" passed, 0 failed\n"), done.stdout
