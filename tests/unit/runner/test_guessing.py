from __future__ import annotations

from collections.abc import Sequence

from puna.runner.guessing import Guesser

CHEAP = {3: 1.2, 7: 1.3}
DEAR = {3: 3.9, 7: 8.0}
TEXT = [1, 2, 3]


class Counting:
    """Guesses that every token is one more than the last."""

    sizes = (3, 7)
    seconds = 0.0

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        return [tokens[-1] + step for step in range(1, most + 1)]


def test_as_many_are_guessed_as_pay() -> None:
    assert Guesser(Counting()).guess(TEXT, 100, CHEAP) == [4, 5, 6, 7, 8, 9, 10]
    assert Guesser(Counting()).guess(TEXT, 100, {3: 1.2, 7: 2.4}) == [4, 5, 6]


def test_no_more_is_guessed_than_there_is_room() -> None:
    assert Guesser(Counting()).guess(TEXT, 2, CHEAP) == [4, 5]
    assert Guesser(Counting()).guess(TEXT, 0, CHEAP) == []
    assert Guesser(Counting()).guess(TEXT, -1, CHEAP) == []


def test_dear_or_unknown_guesses_are_never_made() -> None:
    guesser = Guesser(Counting())
    for costs in (DEAR, {}):
        assert [guesser.guess(TEXT, 100, costs) for _ in range(200)] == [[]] * 200


def test_wrong_guesses_end_guessing_and_right_ones_bring_it_back() -> None:
    guesser = Guesser(Counting())
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
