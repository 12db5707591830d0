from __future__ import annotations

from pathlib import Path

import pytest

from puna.errors import DigestMismatch
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.stamps import Stamps

DATA = bytes(range(256)) * 1000
DIGEST = Digest.of(DATA)


@pytest.fixture
def blobs(tmp_path: Path) -> BlobStore:
    return BlobStore(tmp_path, Stamps(None))


def test_the_hash_follows_the_bytes_that_are_there(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    assert partial.hash_some(1 << 20) == 0
    partial.write_at(partial.parts[0], DATA[:1000])
    assert partial.hash_some(600) == 600
    assert partial.hash_some(1 << 20) == 400
    partial.write_at(partial.parts[0], DATA[1000:])
    partial.hash_some(500)
    partial.finish(DIGEST)
    assert blobs.read(DIGEST) == DATA


def test_a_restart_forgets_what_was_hashed(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    partial.write_at(partial.parts[0], b"x" * 1000)
    partial.hash_some(1 << 20)
    partial.restart()
    assert partial.completed == 0
    partial.write_at(partial.parts[0], DATA)
    partial.finish(DIGEST)
    assert blobs.verify(DIGEST)


def test_wrong_bytes_are_seen_although_they_were_hashed_on_the_way(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    partial.write_at(partial.parts[0], DATA[:-1] + b"\0")
    partial.hash_some(1 << 20)
    with pytest.raises(DigestMismatch):
        partial.finish(DIGEST)
    assert not list(blobs.folder.iterdir())


def test_an_earlier_download_is_counted_only_for_its_size(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    partial.write_at(partial.parts[0], DATA[:1000])
    partial.close()
    assert blobs.partial(DIGEST).stored(len(DATA)) == 1000
    assert blobs.partial(DIGEST).stored(len(DATA) + 1) == 0
