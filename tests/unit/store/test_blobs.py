from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from puna.errors import BlobNotFound, DigestMismatch, NoSpace, StoreReadOnly
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.disk import Disk
from puna.store.stamps import Stamps
from puna.store.store import Store

DATA = b"some bytes"
DIGEST = Digest.of(DATA)


class FailingDisk(Disk):
    """Every write fails with one error."""

    def __init__(self, number: int) -> None:
        self._number = number

    def write(self, descriptor: int, data: bytes | memoryview) -> int:
        raise OSError(self._number, os.strerror(self._number))


def test_bytes_are_found_under_their_digest(blobs: BlobStore) -> None:
    assert blobs.put(DATA) == (DIGEST, len(DATA))
    assert blobs.path(DIGEST).read_bytes() == DATA
    assert (blobs.size(DIGEST), blobs.read(DIGEST), blobs.verify(DIGEST)) == (10, DATA, True)


def test_a_blob_can_be_read_by_all(blobs: BlobStore) -> None:
    blobs.put(DATA)
    assert stat.S_IMODE(blobs.path(DIGEST).stat().st_mode) == 0o644


def test_a_missing_blob_is_an_error(blobs: BlobStore) -> None:
    for call in (blobs.size, blobs.read):
        with pytest.raises(BlobNotFound):
            call(DIGEST)
    assert not blobs.verify(DIGEST)


def test_bytes_of_another_digest_are_refused_and_leave_nothing(blobs: BlobStore) -> None:
    with blobs.writer() as writer:
        writer.write(DATA)
        with pytest.raises(DigestMismatch, match=r'expected "sha256:0+", got "sha256:'):
            writer.commit(Digest("0" * 64))
    assert list(blobs.folder.iterdir()) == []


def test_a_writer_that_is_left_leaves_nothing(blobs: BlobStore) -> None:
    with blobs.writer() as writer:
        writer.write(DATA)
    assert list(blobs.folder.iterdir()) == []


def test_a_wrong_blob_is_noticed_and_repaired(blobs: BlobStore) -> None:
    blobs.put(DATA)
    blobs.path(DIGEST).write_bytes(b"other bytes")
    assert not blobs.verify(DIGEST)
    with pytest.raises(DigestMismatch):
        blobs.read(DIGEST)
    blobs.put(DATA)
    assert blobs.verify(DIGEST)
    assert blobs.read(DIGEST) == DATA


def test_a_blob_is_hashed_once_and_again_after_a_change(tmp_path: Path) -> None:
    file = tmp_path / "stamps"
    folder = tmp_path / "blobs"
    folder.mkdir()
    blobs = BlobStore(folder, Stamps(file))
    blobs.put(DATA)
    found = blobs.path(DIGEST).lstat()
    assert Stamps(file).holds(DIGEST, found)
    blobs.path(DIGEST).write_bytes(DATA + b"!")
    assert not BlobStore(folder, Stamps(file)).verify(DIGEST)


def test_broken_stamps_are_ignored(tmp_path: Path) -> None:
    file = tmp_path / "stamps"
    file.write_bytes(b'["ab", 1]\n\xff\n[]\n5\n["cd",1,2,3,4]\n')
    assert Stamps(file)._stamps == {"cd": (1, 2, 3, 4)}


def test_a_link_in_place_of_a_blob_is_not_followed(blobs: BlobStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(DATA)
    blobs.path(DIGEST).symlink_to(outside)
    assert not blobs.exists(DIGEST)
    assert not blobs.verify(DIGEST)
    blobs.put(DATA)
    assert outside.read_bytes() == DATA
    assert not blobs.path(DIGEST).is_symlink()
    assert blobs.read(DIGEST) == DATA


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.EROFS, StoreReadOnly),
        (errno.EACCES, StoreReadOnly),
    ],
)
def test_a_full_or_read_only_disk_is_told_apart(
    tmp_path: Path, number: int, kind: type[Exception]
) -> None:
    blobs = BlobStore(tmp_path, Stamps(None), FailingDisk(number))
    with pytest.raises(kind):
        blobs.put(DATA)
    assert list(tmp_path.iterdir()) == []


def test_too_little_space_is_refused_before_the_start(blobs: BlobStore) -> None:
    with pytest.raises(NoSpace, match="not enough disk space"):
        blobs.require_space(1 << 60)


def test_a_pinned_blob_is_not_deleted(blobs: BlobStore) -> None:
    blobs.put(DATA)
    with blobs.pinned([DIGEST]):
        assert not blobs.delete(DIGEST)
    assert blobs.delete(DIGEST)
    assert not blobs.exists(DIGEST)


def test_a_finished_file_of_the_folder_is_adopted(blobs: BlobStore) -> None:
    path = blobs.scratch("Q4_K_M")
    path.write_bytes(DATA)
    assert blobs.adopt(path) == DIGEST
    assert (blobs.read(DIGEST), path.exists()) == (DATA, False)


def test_storing_a_blob_again_makes_it_young(blobs: BlobStore) -> None:
    blobs.put(DATA)
    os.utime(blobs.path(DIGEST), (0, 0))
    blobs.put(DATA)
    assert blobs.path(DIGEST).stat().st_mtime > 1e9
    assert blobs.verify(DIGEST)


def test_nothing_of_ours_stays_in_the_blobs_folder(store: Store) -> None:
    store.blobs.put(DATA)
    assert [path.name for path in store.blobs.folder.iterdir()] == [DIGEST.filename]
