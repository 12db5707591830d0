"""Conversation state on disk: whole, checked, bounded."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from puna.runner.parked import ParkedConversations
from puna.runner.snapshot import Checkpoint, PromptEnd, Snapshot
from puna.runner.state import Head, StateFolder

LIMIT = 1 << 20


def some_state(size: int = 1000, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def some_snapshot(size: int = 1000, seed: int = 0) -> Snapshot:
    return Snapshot(some_state(size, seed))


def test_a_written_state_is_read_back(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "new", "key", LIMIT)
    written = folder.write([1, 2, 3], some_snapshot())
    assert written is not None
    (found,) = StateFolder(tmp_path / "new", "key", LIMIT).files()
    assert found == written
    read = found.read()
    assert read is not None
    assert (read.state == some_state()).all()
    assert (read.checkpoints, read.end) == ((), None)


def test_the_end_of_a_prompt_is_kept_with_its_state(tmp_path: Path) -> None:
    logits = np.array([0.25, -1e30, 7.0], np.float32)
    folder = StateFolder(tmp_path, "key", LIMIT)
    folder.write([1, 2, 3], Snapshot(some_state(), end=PromptEnd(2, logits)))
    (found,) = StateFolder(tmp_path, "key", LIMIT).files()
    assert found.head.end_length == 2
    read = found.read()
    assert read is not None
    assert (read.state == some_state()).all()
    assert read.end is not None
    assert read.end.length == 2
    assert (read.end.logits == logits).all()
    found.path.write_bytes(found.path.read_bytes()[:-1] + b"\xff")
    assert found.read() is None


def test_checkpoints_are_kept_with_their_state(tmp_path: Path) -> None:
    points = tuple(Checkpoint(n * 100, some_state(n * 10, n)) for n in (1, 2))
    end = PromptEnd(250, np.array([0.5, 1.5], np.float32))
    folder = StateFolder(tmp_path, "key", LIMIT)
    folder.write(list(range(300)), Snapshot(some_state(), points, end))
    (found,) = StateFolder(tmp_path, "key", LIMIT).files()
    read = found.read()
    assert read is not None
    assert (read.state == some_state()).all()
    assert [point.position for point in read.checkpoints] == [100, 200]
    for point, written in zip(read.checkpoints, points, strict=True):
        assert (point.state == written.state).all()
    assert read.end is not None
    assert (read.end.logits == end.logits).all()
    assert read.size == Snapshot(some_state(), points, end).size


def test_a_head_that_promises_more_than_there_is_makes_a_file_unusable() -> None:
    head = Head("key", [1], checkpoints=[(1, 900), (2, 200)])
    assert head.fits(1100)
    assert not head.fits(1099)
    assert not Head("key", [1], checkpoints=[(1, -1)]).fits(1100)


def test_another_key_finds_nothing_and_removes_nothing(tmp_path: Path) -> None:
    StateFolder(tmp_path, "one", LIMIT).write([1], some_snapshot())
    assert StateFolder(tmp_path, "two", LIMIT).files() == []
    assert len(StateFolder(tmp_path, "one", LIMIT).files()) == 1


@pytest.mark.parametrize("place", [0, 9, 20, 30, 60, 500, -1])
def test_a_changed_byte_makes_a_file_unusable_and_go(tmp_path: Path, place: int) -> None:
    folder = StateFolder(tmp_path, "key", LIMIT)
    written = folder.write(list(range(10)), some_snapshot())
    assert written is not None
    data = bytearray(written.path.read_bytes())
    data[place] ^= 1
    written.path.write_bytes(data)
    files = folder.files()
    assert [file.read() for file in files] in ([], [None])
    assert not written.path.exists()


@pytest.mark.parametrize("size", [0, 5, 31, 60, 1000])
def test_a_cut_file_is_unusable(tmp_path: Path, size: int) -> None:
    folder = StateFolder(tmp_path, "key", LIMIT)
    written = folder.write(list(range(10)), some_snapshot())
    assert written is not None
    written.path.write_bytes(written.path.read_bytes()[:size])
    assert folder.files() == []


def test_the_oldest_files_make_room(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path, "key", 3500)
    paths = []
    for number in range(4):
        written = folder.write([number], some_snapshot(seed=number))
        assert written is not None
        os.utime(written.path, (number, number))
        paths.append(written.path)
    assert [path.exists() for path in paths] == [False, True, True, True]


def test_a_state_over_the_limit_is_not_written(tmp_path: Path) -> None:
    assert StateFolder(tmp_path, "key", 500).write([1], some_snapshot()) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_given_up(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    folder = StateFolder(tmp_path / "file", "key", LIMIT)
    assert folder.write([1], some_snapshot()) is None
    assert not folder.usable


def test_parked_conversations_are_found_by_their_longest_prefix() -> None:
    parked = ParkedConversations(LIMIT, None)
    parked.add(list(range(50)), some_snapshot())
    parked.add([*range(40), *range(100, 160)], some_snapshot(seed=1))
    found = parked.find([*range(40), *range(100, 130)], longer_than=16)
    assert found is not None
    assert found[1] == 70


def test_a_state_that_cannot_be_cut_is_found_by_what_begins_with_it() -> None:
    parked = ParkedConversations(LIMIT, None, whole=True)
    parked.add(list(range(60)), some_snapshot())
    parked.add(list(range(50)), some_snapshot(seed=1))
    found = parked.find([*range(55), 1000, 1001], longer_than=16)
    assert found is not None
    assert found[1] == 50
    assert parked.has(list(range(50)))
    assert not parked.has(list(range(55)))


@pytest.mark.parametrize("on_disk", [False, True])
def test_a_state_that_cannot_be_cut_is_found_by_its_checkpoints(
    tmp_path: Path, on_disk: bool
) -> None:
    parked = ParkedConversations(LIMIT, StateFolder(tmp_path, "key", LIMIT), whole=True)
    points = tuple(Checkpoint(length, some_state(10)) for length in (50, 150))
    parked.add(list(range(200)), Snapshot(some_state(), points))
    if on_disk:
        parked.write_all()
        parked = ParkedConversations(LIMIT, StateFolder(tmp_path, "key", LIMIT), whole=True)
    lengths = []
    for shared in (40, 120, 180, 200):
        found = parked.find([*range(shared), 1000], longer_than=0)
        lengths.append(found[1] if found is not None else 0)
    assert lengths == [0, 50, 150, 200]
    assert parked.shared([*range(120), 1000], "") == 120
    assert parked.has(list(range(150)))
    assert not parked.has(list(range(151)))


def test_a_conversation_that_went_on_replaces_its_beginning() -> None:
    parked = ParkedConversations(LIMIT, None)
    parked.add(list(range(50)), some_snapshot())
    parked.add(list(range(90)), some_snapshot())
    found = parked.find(list(range(50)), longer_than=0)
    assert found is not None
    assert len(found[0].tokens) == 90


def test_what_does_not_fit_in_memory_goes_to_disk(tmp_path: Path) -> None:
    parked = ParkedConversations(2500, StateFolder(tmp_path, "key", LIMIT))
    for number in range(4):
        parked.add(list(range(number * 1000, number * 1000 + 200)), some_snapshot(seed=number))
    assert len(list(tmp_path.glob("*.state"))) == 2
    found = parked.find(list(range(200)), longer_than=100)
    assert found is not None
    state = parked.read(found[0])
    assert state is not None
    assert (state.state == some_state(seed=0)).all()


def test_what_the_disk_does_not_take_stays_in_memory_and_is_not_tried_again(
    tmp_path: Path,
) -> None:
    parked = ParkedConversations(1200, StateFolder(tmp_path, "key", 500))
    parked.add(list(range(200)), some_snapshot())
    assert parked.write_one()
    assert not parked.write_one()
    assert not parked.make_room()
    found = parked.find(list(range(200)), longer_than=100)
    assert found is not None
    assert found[0].snapshot is not None


def test_a_rest_is_used_to_make_room(tmp_path: Path) -> None:
    parked = ParkedConversations(2500, StateFolder(tmp_path, "key", LIMIT))
    for number in range(2):
        parked.add(list(range(number * 1000, number * 1000 + 200)), some_snapshot(seed=number))
    assert not list(tmp_path.glob("*.state"))
    assert parked.make_room()
    assert not parked.make_room()
    assert len(list(tmp_path.glob("*.state"))) == 1
    parked.add(list(range(2000, 2200)), some_snapshot(seed=2))
    assert len(list(tmp_path.glob("*.state"))) == 1
    for number in range(3):
        found = parked.find(list(range(number * 1000, number * 1000 + 200)), longer_than=100)
        assert found is not None
        state = parked.read(found[0])
        assert state is not None
        assert (state.state == some_state(seed=number)).all()


def test_without_a_disk_a_rest_costs_no_conversation() -> None:
    parked = ParkedConversations(1200, None)
    parked.add(list(range(200)), some_snapshot())
    assert not parked.make_room()
    assert parked.find(list(range(200)), longer_than=100) is not None


def test_a_new_process_finds_what_an_earlier_one_wrote(tmp_path: Path) -> None:
    first = ParkedConversations(LIMIT, StateFolder(tmp_path, "key", LIMIT))
    first.add(list(range(300)), some_snapshot())
    first.write_all()
    second = ParkedConversations(LIMIT, StateFolder(tmp_path, "key", LIMIT))
    assert second.find(list(range(300)), longer_than=200) is not None
