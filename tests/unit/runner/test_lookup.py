from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from puna.runner.lookup import Lookup

TEXT = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3]


def test_what_followed_the_same_three_tokens_is_guessed() -> None:
    assert Lookup().guess(TEXT, 4) == [4, 5, 6, 7]


def test_the_latest_occurrence_counts() -> None:
    assert Lookup().guess([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3], 1) == [5]


def test_tokens_that_come_later_are_learnt() -> None:
    seen = Lookup()
    tokens = [1, 2, 3, 4]
    assert seen.guess(tokens, 3) == []
    tokens += [9, 2, 3, 4]
    assert seen.guess(tokens, 2) == [9, 2]


def test_nothing_is_guessed_without_three_tokens_that_occurred() -> None:
    for tokens in ([], [1], [1, 2, 3], [1, 2, 1, 2]):
        assert Lookup().guess(tokens, 7) == []


def test_a_guess_ends_before_media() -> None:
    assert Lookup().guess([1, 2, 3, 4, -1, -1, 1, 2, 3], 7) == [4]


def test_a_window_that_slid_is_read_again() -> None:
    seen = Lookup()
    seen.guess([*range(100, 150), 1, 2, 3, 4], 7)
    assert seen.guess(TEXT, 2) == [4, 5]


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 7))
def test_a_guess_is_a_piece_of_the_text_behind_its_end(tokens: list[int], most: int) -> None:
    found = Lookup().guess(tokens, most)
    assert len(found) <= most
    pieces = [tokens[i : i + 3 + len(found)] for i in range(len(tokens))]
    assert not found or tokens[-3:] + found in pieces
