from __future__ import annotations

import json
from pathlib import Path

import pytest

from puna.errors import DigestMismatch, StoreError
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.partial import divide

DATA = bytes(range(256)) * 1000
DIGEST = Digest.of(DATA)


def _names(blobs: BlobStore) -> set[str]:
    return {path.name.replace(DIGEST.filename, "D") for path in blobs.folder.iterdir()}


@pytest.mark.parametrize(
    ("total", "count", "first", "last"),
    [
        (1_600_000_001, 17, 100_000_000, 1),
        (1_700_000_000, 16, 106_250_000, 106_250_000),
        (20_000_000_000, 20, 1_000_000_000, 1_000_000_000),
        (100_000_001, 2, 100_000_000, 1),
        (253_113_024, 3, 100_000_000, 53_113_024),
        (5, 1, 5, 5),
        (0, 0, 0, 0),
    ],
)
def test_parts_are_divided_as_recorded(total: int, count: int, first: int, last: int) -> None:
    parts = list(divide(total))
    assert len(parts) == count
    assert sum(part.size for part in parts) == total
    if parts:
        assert (parts[0].size, parts[-1].size) == (first, last)


def test_a_download_becomes_a_blob(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    partial.write_at(partial.parts[0], DATA[:1000])
    partial.write_at(partial.parts[0], DATA[1000:])
    partial.finish(DIGEST)
    assert blobs.read(DIGEST) == DATA
    assert _names(blobs) == {"D"}


def test_a_download_is_resumed_where_its_record_says(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    partial.write_at(partial.parts[0], DATA[:70_000])
    partial.close()
    again = blobs.partial(DIGEST)
    again.open(len(DATA))
    assert again.completed == 70_000
    again.write_at(again.parts[0], DATA[70_000:])
    again.finish(DIGEST)
    assert blobs.read(DIGEST) == DATA


def test_records_have_ollamas_form_and_say_who_wrote_them(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(253_113_024)
    partial.write_at(partial.parts[1], b"x" * 7)
    partial.close()
    records = [
        (blobs.folder / f"{DIGEST.filename}-partial-{number}").read_text() for number in range(3)
    ]
    assert records[0] == '{"N":0,"Offset":0,"Size":100000000,"Completed":0,"By":"puna"}\n'
    assert records[1] == '{"N":1,"Offset":100000000,"Size":100000000,"Completed":7,"By":"puna"}\n'
    assert json.loads(records[2])["Size"] == 53_113_024
    assert (blobs.folder / f"{DIGEST.filename}-partial").stat().st_size == 253_113_024


def test_a_download_of_ollama_is_taken_up(blobs: BlobStore) -> None:
    half = len(DATA) // 2
    base = blobs.folder / f"{DIGEST.filename}-partial"
    base.write_bytes(DATA[:half] + bytes(len(DATA) - half))
    records = [(0, 0, half, half), (1, half, len(DATA) - half, 0)]
    for number, offset, size, done in records:
        record = {"N": number, "Offset": offset, "Size": size, "Completed": done}
        Path(f"{base}-{number}").write_text(json.dumps(record) + "\n")
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    assert [part.completed for part in partial.parts] == [half, 0]
    partial.write_at(partial.parts[1], DATA[half:])
    partial.finish(DIGEST)
    assert blobs.read(DIGEST) == DATA


@pytest.mark.parametrize(
    "record",
    [
        "",
        "null",
        '{"N":1,"Offset":0,"Size":256000,"Completed":9}',
        '{"N":0,"Offset":5,"Size":256000,"Completed":9}',
        '{"N":0,"Offset":0,"Size":255999,"Completed":9}',
        '{"N":0,"Offset":0,"Size":256000,"Completed":256001}',
        '{"N":0,"Offset":0,"Size":"x","Completed":9}',
        '{"N":0,"Offset":0,"Size":256000,"Completed":-1}',
    ],
)
def test_a_record_that_makes_no_sense_means_a_restart(blobs: BlobStore, record: str) -> None:
    base = blobs.folder / f"{DIGEST.filename}-partial"
    base.write_bytes(bytes(len(DATA)))
    Path(f"{base}-0").write_text(record)
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    assert (partial.completed, partial.total) == (0, len(DATA))
    partial.close()


def test_wrong_bytes_are_discarded_and_never_get_the_name(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    partial.write_at(partial.parts[0], bytes(len(DATA)))
    with pytest.raises(DigestMismatch, match="file must be downloaded again: want sha256:"):
        partial.finish(DIGEST)
    assert _names(blobs) == set()


def test_an_unfinished_download_cannot_be_finished(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    with pytest.raises(StoreError, match="not complete"):
        partial.finish(DIGEST)
    partial.close()


def test_a_part_takes_no_more_bytes_than_it_has(blobs: BlobStore) -> None:
    partial = blobs.partial(DIGEST)
    partial.open(5)
    with pytest.raises(StoreError, match="more bytes"):
        partial.write_at(partial.parts[0], b"123456")
    partial.close()


def test_a_wrong_blob_is_replaced_by_a_download(blobs: BlobStore) -> None:
    blobs.path(DIGEST).write_bytes(b"poison")
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    partial.write_at(partial.parts[0], DATA)
    partial.finish(DIGEST)
    assert blobs.read(DIGEST) == DATA


def test_a_planted_link_is_not_written_through(blobs: BlobStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes(b"precious")
    (blobs.folder / f"{DIGEST.filename}-partial").symlink_to(outside)
    (blobs.folder / f"{DIGEST.filename}-partial-0").symlink_to(outside)
    partial = blobs.partial(DIGEST)
    partial.open(len(DATA))
    partial.write_at(partial.parts[0], DATA)
    partial.finish(DIGEST)
    assert outside.read_bytes() == b"precious"
    assert blobs.read(DIGEST) == DATA


def test_an_empty_blob_can_be_downloaded(blobs: BlobStore) -> None:
    empty = Digest.of(b"")
    partial = blobs.partial(empty)
    partial.open(0)
    partial.finish(empty)
    assert blobs.size(empty) == 0
