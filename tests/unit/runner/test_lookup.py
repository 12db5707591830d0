from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from puna.runner.lookup import Guesser, Seen

CHEAP = {1: 1.0, 4: 1.2, 8: 1.3}
DEAR = {1: 1.0, 4: 3.9, 8: 8.0}
TEXT = [1, 2, 3, 4, 5, 6, 7, 8, 9, 1, 2, 3]


def test_what_followed_the_same_three_tokens_is_guessed() -> None:
    assert Seen().guess(TEXT, 4) == [4, 5, 6, 7]


def test_the_latest_occurrence_counts() -> None:
    assert Seen().guess([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3], 1) == [5]


def test_tokens_that_come_later_are_learnt() -> None:
    seen = Seen()
    tokens = [1, 2, 3, 4]
    assert seen.guess(tokens, 3) == []
    tokens += [9, 2, 3, 4]
    assert seen.guess(tokens, 2) == [9, 2]


def test_nothing_is_guessed_without_three_tokens_that_occurred() -> None:
    for tokens in ([], [1], [1, 2, 3], [1, 2, 1, 2]):
        assert Seen().guess(tokens, 7) == []


def test_a_guess_ends_before_media() -> None:
    assert Seen().guess([1, 2, 3, 4, -1, -1, 1, 2, 3], 7) == [4]


def test_a_window_that_slid_is_read_again() -> None:
    seen = Seen()
    seen.guess([*range(100, 150), 1, 2, 3, 4], 7)
    assert seen.guess(TEXT, 2) == [4, 5]


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(0, 7))
def test_a_guess_is_a_piece_of_the_text_behind_its_end(tokens: list[int], most: int) -> None:
    found = Seen().guess(tokens, most)
    assert len(found) <= most
    pieces = [tokens[i : i + 3 + len(found)] for i in range(len(tokens))]
    assert not found or tokens[-3:] + found in pieces


def test_cheap_rows_are_used() -> None:
    assert Guesser().guess(TEXT, 100, CHEAP) == [4, 5, 6, 7, 8, 9, 1]


def test_no_more_is_guessed_than_there_is_room() -> None:
    assert Guesser().guess(TEXT, 2, CHEAP) == [4, 5]
    assert Guesser().guess(TEXT, 0, CHEAP) == []
    assert Guesser().guess(TEXT, -1, CHEAP) == []


def test_dear_or_unknown_rows_are_never_used() -> None:
    guesser = Guesser()
    for costs in (DEAR, {}, {1: 1.0}):
        assert [guesser.guess(TEXT, 100, costs) for _ in range(200)] == [[]] * 200


def test_wrong_guesses_end_guessing_and_right_ones_bring_it_back() -> None:
    guesser = Guesser()
    while guesser.guess(TEXT, 100, CHEAP):
        guesser.learn(7, 0)
    silent = 0
    while not (probe := guesser.guess(TEXT, 100, CHEAP)):
        silent += 1
    assert silent == 63
    assert len(probe) == 3
    for _ in range(20):
        guesser.learn(3, 3)
    assert len(guesser.guess(TEXT, 100, CHEAP)) == 7
