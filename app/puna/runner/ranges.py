"""Decimal numbers between two bounds as grammar trees."""

from __future__ import annotations

from puna.runner.gbnf import Characters, Literal, Node, Repeat
from puna.runner.json_rules import DIGIT, choice, sequence

_MOST_DIGITS = 15
LARGEST = 10**_MOST_DIGITS - 1


def integers(low: int | None, high: int | None) -> Node:
    """Integers from ``low`` to ``high``, both inclusive, ``None`` = no bound.

    Bounds beyond 15 digits are no bounds.
    """
    smallest = -LARGEST if low is None else max(low, -LARGEST)
    largest = LARGEST if high is None else min(high, LARGEST)
    options: list[Node] = []
    if smallest < 0:
        options.append(sequence(Literal("-"), _naturals(max(1, -largest), -smallest)))
    if largest >= 0:
        options.append(_naturals(max(0, smallest), largest))
    return choice(*options)


def _naturals(low: int, high: int) -> Node:
    """Numbers of at least one digit, split by their length."""
    options: list[Node] = []
    while low <= high:
        end = min(high, 10 ** len(str(low)) - 1)
        options.append(_same_length(str(low), str(end)))
        low = end + 1
    return choice(*options)


def _same_length(low: str, high: str) -> Node:
    """Digit strings from ``low`` to ``high``, which are equally long."""
    if low == high:
        return Literal(low)
    size = len(low)
    if low[1:] == "0" * (size - 1) and high[1:] == "9" * (size - 1):
        return _first_then_any(low[0], high[0], size - 1)
    if low[0] == high[0]:
        return sequence(Literal(low[0]), _same_length(low[1:], high[1:]))
    nines, zeros = "9" * (size - 1), "0" * (size - 1)
    options: list[Node] = [sequence(Literal(low[0]), _same_length(low[1:], nines))]
    if int(high[0]) - int(low[0]) > 1:
        between = str(int(low[0]) + 1), str(int(high[0]) - 1)
        options.append(_first_then_any(*between, size - 1))
    options.append(sequence(Literal(high[0]), _same_length(zeros, high[1:])))
    return choice(*options)


def _first_then_any(first: str, last: str, rest: int) -> Node:
    digit: Node = Literal(first) if first == last else Characters(((first, last),))
    return sequence(digit, Repeat(DIGIT, rest, rest)) if rest else digit
