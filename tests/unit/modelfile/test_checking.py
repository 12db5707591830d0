from __future__ import annotations

from typing import Any

import pytest

from puna.errors import ModelfileError
from puna.modelfile import Problem, check, parse


def test_a_good_modelfile_has_no_problems() -> None:
    assert check('FROM m\nPARAMETER top_k 5\nSYSTEM """a\nb"""\nREQUIRES 0.1.0\n') == []


def test_all_problems_are_found_with_their_places() -> None:
    text = "FROM m\nBAD x y\nPARAMETER top_k many\nPARAMETER nope 1\nMESSAGE root hi\nREQUIRES z\n"
    found = [(p.line, p.column, p.end_column, p.text) for p in check(text)]
    assert [place[:3] for place in found] == [
        (2, 1, 8),
        (3, 17, 21),
        (4, 11, 15),
        (5, 9, 16),
        (6, 10, 11),
    ]
    assert found[1][3] == "invalid int value [many]"
    assert found[2][3] == "unknown parameter 'nope'"
    assert found[3][3].startswith("message role must be one of")


@pytest.mark.parametrize(
    "line", ["PARAMETER mirostat 1", "PARAMETER top_p 1000", "PARAMETER top_p NaN"]
)
def test_what_is_accepted_but_of_no_use_is_a_warning(line: str) -> None:
    problems = check(f"FROM m\n{line}")
    assert [problem.severity for problem in problems] == ["warning"]


def test_a_missing_from_is_reported_at_the_top() -> None:
    assert check("SYSTEM x") == [Problem(1, 1, 1, "no FROM line")]


def test_an_unclosed_quote_ends_the_search() -> None:
    assert check('FROM m\nSYSTEM "a\nBAD\n') == [Problem(2, 8, 10, "unexpected EOF")]


def test_every_recorded_modelfile_that_does_not_parse_has_a_problem(
    recorded: list[dict[str, Any]],
) -> None:
    for case in recorded:
        errors = [problem for problem in check(case["content"]) if problem.severity == "error"]
        if "error" in case:
            assert errors, case["id"]
        elif "create_error" not in case:
            assert not errors, case["id"]


@pytest.mark.parametrize("text", ["", "\n", "\ufeff", "FROM", "SYSTEM\n", "\r\nX y"])
def test_a_problem_lies_inside_the_text(text: str) -> None:
    lines = text.replace("\r\n", "\n").split("\n")
    with pytest.raises(ModelfileError):
        parse(text)
    for problem in check(text):
        assert 1 <= problem.line <= len(lines)
        assert 1 <= problem.column <= problem.end_column
