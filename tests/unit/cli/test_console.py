from __future__ import annotations

import io
import sys

import pytest

from puna.cli import console


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_no_control_characters_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    console.out("a\x1b]0;title\x07b\x9b2Jc\r\n\td\x7f")
    assert screen.getvalue() == "a]0;titleb2Jc\n\td\n"


def test_a_file_gets_the_text_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    console.out("a\x1b[1mb")
    assert capsys.readouterr().out == "a\x1b[1mb\n"


def test_errors_have_no_control_characters_anywhere(capsys: pytest.CaptureFixture[str]) -> None:
    console.err("a\x1b[1mb")
    assert capsys.readouterr().err == "a[1mb\n"


def test_columns_count_wide_and_combining_characters() -> None:
    assert console.columns_of("日本e\u0301") == 5


def test_a_long_text_of_a_section_goes_on_in_the_next_row() -> None:
    shown = console.section("License", [("word " * 30,)], wrap=100)
    assert shown.count("\n    word") == 2


def test_rows_of_a_table_may_have_wide_cells() -> None:
    assert console.table(("A", "B"), [("日", "x")]) == "A     B \n日    x    "
