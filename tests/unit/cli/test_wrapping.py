from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.cli import console
from puna.cli.wrapping import WordWrap

COLUMNS = 20
_ERASE = re.compile(r"\x1b\[(\d+)D\x1b\[K")


def _screen(written: str) -> list[str]:
    """The lines that a terminal shows; cursor moves apply to the current line."""
    lines, rest = [""], written
    while rest:
        if match := _ERASE.match(rest):
            keep = console.columns_of(lines[-1]) - int(match[1])
            while console.columns_of(lines[-1]) > keep:
                lines[-1] = lines[-1][:-1]
            rest = rest[match.end() :]
            continue
        if rest[0] == "\n":
            lines.append("")
        else:
            lines[-1] += rest[0]
        rest = rest[1:]
    return lines


def _wrapped(*pieces: str) -> list[str]:
    wrap = WordWrap(COLUMNS)
    return _screen("".join(wrap.feed(piece) for piece in pieces))


def test_a_word_that_does_not_fit_moves_to_the_next_line() -> None:
    assert _wrapped("one two three ", "fo", "ur five") == ["one two three ", "four five"]


def test_a_word_longer_than_a_line_is_broken() -> None:
    assert _wrapped("x" * 40) == ["x" * 15, "x" * 15, "x" * 10]


def test_wide_characters_break_anywhere() -> None:
    assert _wrapped("日" * 10) == ["日" * 7, "日" * 3]


def test_a_newline_begins_a_line() -> None:
    assert _wrapped("a\nb c") == ["a", "b c"]


@pytest.mark.parametrize("columns", [0, 9])
def test_a_narrow_terminal_or_none_wraps_nothing(columns: int) -> None:
    assert WordWrap(columns).feed("x" * 300) == "x" * 300


@given(st.lists(st.text(alphabet=st.sampled_from("ab 日\té\n"))))
def test_no_line_is_too_long_and_no_letter_is_lost(pieces: list[str]) -> None:
    lines = _wrapped(*pieces)
    assert all(console.columns_of(line) <= COLUMNS for line in lines)
    visible = [re.sub(r"\s", "", text) for text in ("".join(lines), "".join(pieces))]
    assert visible[0] == visible[1]
