"""Where the reading of a prompt stops for a checkpoint, and which of them are kept."""

from __future__ import annotations

import numpy as np
import pytest

from puna.runner.checkpoints import kept, planned
from puna.runner.snapshot import Checkpoint, furthest


@pytest.mark.parametrize(
    ("length", "start", "shared", "positions"),
    [
        (1000, 0, 0, (984,)),
        (1000, 0, 600, (600, 984)),
        (1000, 600, 600, (984,)),
        # The end of the shared part is that of the prompt.
        (1000, 0, 1000, (984,)),
        (1000, 0, 950, (984,)),
        # Too few tokens are saved.
        (1000, 0, 40, (984,)),
        (1000, 930, 930, ()),
        (70, 0, 0, ()),
        (80, 0, 0, (64,)),
    ],
)
def test_a_prompt_is_stopped_where_it_pays(
    length: int, start: int, shared: int, positions: tuple[int, ...]
) -> None:
    assert planned(length, start, shared) == positions


@pytest.mark.parametrize(
    ("share", "positions"),
    [(1000, [1, 4, 5, 6]), (40, [1, 4, 5, 6]), (39, [1, 5, 6]), (20, [1, 6]), (19, [6]), (0, [6])],
)
def test_the_latest_and_the_first_are_kept(share: int, positions: list[int]) -> None:
    points = [Checkpoint(position, np.zeros(10, np.uint8)) for position in (5, 1, 3, 2, 4, 6)]
    assert [point.position for point in kept(points, share)] == positions
    assert [point.position for point in kept(points[:2], 20)] == [1, 5]


def test_a_newer_copy_of_a_point_replaces_the_older() -> None:
    older, newer = (Checkpoint(7, np.full(1, n, np.uint8)) for n in (1, 2))
    assert kept([older, newer], 100) == (newer,)


def test_the_furthest_point_is_within_the_length() -> None:
    assert furthest([100, 300, 200], 250) == 200
    assert furthest([100], 100) == 100
    assert furthest([100], 99) == 0
