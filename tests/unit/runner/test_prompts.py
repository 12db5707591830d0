"""The pure parts of making a prompt."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.chat.guard import Segment
from puna.runner.prompts import cut_middle, place_images


@pytest.mark.parametrize(
    ("length", "keep", "limit", "remain"),
    [(302, 5, 64, 35), (302, 31, 64, 48), (65, 5, 64, 35)],
)
def test_about_half_of_what_may_move_remains(
    length: int, keep: int, limit: int, remain: int
) -> None:
    tokens = list(range(length))
    cut = cut_middle(tokens, keep, limit)
    assert len(cut) == remain
    assert cut[:keep] == tokens[:keep]
    assert cut[keep:] == tokens[length - (remain - keep) :]


@given(st.integers(5, 400), st.data())
def test_a_cut_prompt_always_fits(limit: int, data: st.DataObject) -> None:
    keep = data.draw(st.integers(0, limit - 1))
    length = data.draw(st.integers(limit + 1, limit + 500))
    cut = cut_middle(list(range(length)), keep, limit)
    assert len(cut) < limit
    assert cut[:keep] == list(range(keep))


def test_images_stand_at_their_markers_and_others_come_first() -> None:
    segments = [Segment("a"), Segment("[img-1]", image=1), Segment("b", special=False)]
    assert place_images(segments, [b"zero", b"one"]) == [b"zero", segments[0], b"one", segments[2]]
