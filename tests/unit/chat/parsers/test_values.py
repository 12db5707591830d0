from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.chat.parsers.values import json_value, typed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12345678901234567890", 12345678901234567890),
        (r'"\ud83d\ude00"', "😀"),
        (r'["\ud83d", "\ude00\uD83D\uDE00"]', ["\ufffd", "\ufffd😀"]),
        (r'"\\ud83d \ud83dx"', r"\ud83d" + " \ufffdx"),
        ("[" * 200 + "]" * 200, json.loads("[" * 200 + "]" * 200)),
        ('"' + "[" * 300 + '"', "[" * 300),
    ],
)
def test_json_is_decoded(text: str, value: Any) -> None:
    assert json_value(text) == value


@pytest.mark.parametrize("text", ["", "1 2", "NaN", r'"\ud83', '"\ud83d"', "[" * 201 + "]" * 201])
def test_what_is_not_one_json_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_value(text)


@pytest.mark.parametrize("bracket", ["[", '{"a":', "[{"])
def test_brackets_without_end_are_refused(bracket: str) -> None:
    with pytest.raises(ValueError, match=r"^nested too deep$"):
        json_value(bracket * 100_000)


@given(st.recursive(st.text() | st.integers(-(2**63), 2**63), st.lists))
def test_json_of_any_value_gives_the_value(value: Any) -> None:
    for ascii_only in (True, False):
        text = json.dumps(value, ensure_ascii=ascii_only)
        assert json_value(text) == value


@pytest.mark.parametrize(
    ("text", "kinds", "value"),
    [
        ("null", (), None),
        ("NULL", ("string",), None),
        ("null ", ("string",), "null "),
        ("null ", ("integer",), None),
        ("null", ("string", "integer"), None),
        ("1", (), "1"),
        ("1_000", ("integer",), "1_000"),
        ("1_000.5", ("number",), "1_000.5"),
        ("٣", ("integer", "number"), "٣"),
        ("9223372036854775807", ("number",), 9223372036854775807),
        ("1e3", ("number",), 1000),
        ("1e400", ("number",), "1e400"),
        ("9" * 5000, ("integer",), "9" * 5000),
        ("yes", ("boolean",), False),
        ("1", ("boolean", "string"), "1"),
    ],
)
def test_a_bare_value_is_read_as_the_tool_declares_it(
    text: str, kinds: tuple[str, ...], value: Any
) -> None:
    found = typed(text, kinds)
    assert (found, type(found)) == (value, type(value))
