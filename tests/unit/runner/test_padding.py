"""Rows that make a batch quicker."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from puna.runner.padding import Padding


def run(padding: Padding, streams: int, seconds: Callable[[int], float], steps: int) -> list[int]:
    """Rows added in each of so many steps."""
    added = []
    for _ in range(steps):
        added.append(padding.rows(streams))
        padding.observe(streams, added[-1], seconds(streams + added[-1]))
    return added


def tiles(rows: int) -> float:
    """Time where left over rows cost as much as a tile."""
    return 1.0 * (rows // 4) + 0.9 * (rows % 4)


def test_rows_are_added_where_that_is_quicker() -> None:
    added = run(Padding(), 7, tiles, 100)
    assert set(added[:8]) == {0, 1}
    assert set(added[8:]) == {1}


def test_rows_are_not_added_where_each_costs_the_same() -> None:
    added = run(Padding(), 7, float, 100)
    assert set(added[:8]) == {0, 1}
    assert set(added[8:]) == {0}


@pytest.mark.parametrize("streams", [0, 1, 2, 4, 8])
def test_few_streams_and_whole_tiles_stay_as_they_are(streams: int) -> None:
    assert set(run(Padding(), streams, tiles, 50)) == {0}


def test_both_are_tried_again_now_and_then() -> None:
    padding = Padding()
    assert run(padding, 6, tiles, 100)[-1] == 2
    added = run(padding, 6, float, 2000)
    assert added[-1] == 0


def test_one_slow_step_changes_nothing() -> None:
    padding = Padding()
    run(padding, 7, tiles, 100)
    assert run(padding, 7, lambda _: 1000.0, 1) == [1]
    assert set(run(padding, 7, tiles, 100)) == {1}
