"""Cutting a text where no token reaches across."""

from __future__ import annotations

import random

import pytest

from puna.runner import cuts

TOKENS = ("▁", "▁▁", "▁the", "he", "▁a", "an", "é", "\n\n")
LETTERS = "thean  é好🐎.\n"


def test_neighbours_are_those_of_all_tokens() -> None:
    assert cuts.pairs(["▁the", "he", "x"]) == {"▁t", "th", "he"}


@pytest.mark.parametrize("prefixed", [False, True])
def test_pieces_make_up_the_text_and_no_token_reaches_across(prefixed: bool) -> None:
    chooser = random.Random(1)
    text = "".join(chooser.choice(LETTERS) for _ in range(40_000))
    joined = cuts.pairs(TOKENS)
    found = list(cuts.pieces(text, joined, prefixed=prefixed))
    assert len(found) > 8
    whole = found[0][0]
    for piece, has_space in found[1:]:
        assert not has_space or prefixed
        space = " " if prefixed and not has_space else ""
        across = (whole[-1] + (space or piece[0])).replace(" ", cuts.SPACE)
        assert across not in joined
        whole += space + piece
    assert whole == text


def test_what_is_joined_everywhere_stays_whole() -> None:
    text = "a" * 20_000
    assert list(cuts.pieces(text, cuts.pairs(["aa"]), prefixed=True)) == [(text, False)]


def test_nothing_is_cut_behind_what_may_be_a_control_token() -> None:
    text = "<|end|> " * 4000
    pieces = list(cuts.pieces(text, frozenset(), prefixed=True))
    assert len(pieces) > 2
    assert not any(piece.endswith(("|", ">")) for piece, _ in pieces[:-1])
