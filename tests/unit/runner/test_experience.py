"""What batches teach."""

from __future__ import annotations

import pytest

from puna.runner.experience import Experience, Piece

STREAM = Piece(100, 1, is_last=True)


def seconds(rows: int, depth: int) -> float:
    return 0.0006 * rows * (1 + 0.0012 * (depth + rows / 2))


@pytest.mark.parametrize("streams", [0, 1, 3])
def test_how_depth_slows_is_learnt_beside_streams_too(streams: int) -> None:
    experience = Experience()
    depth = 0
    for _ in range(8):
        rows = experience.room(streams, depth)
        chunk = Piece(depth, rows, is_last=False)
        experience.observe([*[STREAM] * streams, chunk], 0, seconds(rows + streams, depth))
        depth = (depth + rows) % 2000
    for depth in (300, 1000, 1800):
        rows = experience.room(streams, depth)
        assert seconds(rows + streams, depth) == pytest.approx(0.28, rel=0.2)
