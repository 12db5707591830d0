from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.errors import ModelfileError
from puna.modelfile import check, format_modelfile, parse


def _seen(content: str | bytes) -> dict[str, Any]:
    try:
        commands = parse(content).commands
    except ModelfileError as error:
        return {"error": str(error)}
    formatted = format_modelfile(commands)
    return {
        "commands": [{"args": command.args, "name": command.name} for command in commands],
        "formatted": formatted,
        "reparse": _reparsed(formatted, commands),
    }


def _reparsed(formatted: str, commands: Any) -> str:
    try:
        again = parse(formatted).commands
    except ModelfileError as error:
        return f"error: {error}"
    return "same" if again == commands else "different"


def _expected(case: dict[str, Any]) -> dict[str, Any]:
    keys = ("error", "commands", "formatted", "reparse")
    return {key: case[key] for key in keys if key in case}


def test_every_recorded_modelfile_is_read_as_ollama_reads_it(
    recorded: list[dict[str, Any]],
) -> None:
    differences = [
        (case["id"], _expected(case), seen)
        for case in recorded
        if case["area"] != "large" and (seen := _seen(case["content"])) != _expected(case)
    ]
    assert differences == []


def test_large_recorded_modelfiles_are_read_as_ollama_reads_them(
    recorded: list[dict[str, Any]],
) -> None:
    for case in recorded:
        if case["area"] != "large":
            continue
        seen = _seen(case["content"])
        if "error" in case:
            assert seen["error"] == case["error"]
            continue
        lengths = [len(command["args"]) for command in seen["commands"]]
        assert lengths == [command["args_len"] for command in case["commands"]]


@pytest.mark.parametrize(
    "content",
    [
        "FROM m\nSYSTEM " + "a" * (4 << 20),
        "FROM m\nSYSTEM " + "日" * (1 << 20),
        'FROM m\nSYSTEM """' + '"\n' * (1 << 17) + '"""',
        "FROM m\n" + "PARAMETER stop x\n" * 20_000,
        "\n" * (1 << 20) + "FROM m",
        "FROM m\nSYSTEM " + "\u200b" * (1 << 20),
    ],
    ids=["line", "wide", "lines", "commands", "newlines", "invisible"],
)
def test_a_huge_modelfile_takes_linear_time(content: str) -> None:
    started = time.process_time()
    assert parse(content).commands
    assert time.process_time() - started < 3


def test_an_error_knows_its_place_as_an_editor_shows_it() -> None:
    with pytest.raises(ModelfileError) as caught:
        parse("FROM m\r\n\r\n  BAD x\r\n")
    assert str(caught.value).startswith("(line 5): command must be one of")
    assert (caught.value.line, caught.value.column) == (3, 3)


def test_an_unclosed_quote_is_found_where_it_opens() -> None:
    with pytest.raises(ModelfileError, match=r"^unexpected EOF$") as caught:
        parse('FROM m\nSYSTEM   """a\nb\n')
    assert (caught.value.line, caught.value.column) == (2, 10)


def test_a_command_knows_where_its_parts_stand() -> None:
    text = 'FROM m\nPARAMETER stop  "a\nb" \nMESSAGE user hi'
    stop, message = parse(text).commands[1:]
    assert text[stop.span.start : stop.span.end] == 'PARAMETER stop  "a\nb"'
    assert text[stop.name_span.start : stop.name_span.end] == "stop"
    assert text[stop.value_span.start : stop.value_span.end] == '"a\nb"'
    assert (stop.value_span.line, stop.value_span.column) == (2, 17)
    assert (stop.value_span.end_line, stop.value_span.end_column) == (3, 3)
    assert text[message.name_span.start : message.name_span.end] == "user"
    assert message.message == ("user", "hi")


def test_an_emoji_that_is_newer_than_this_python_is_kept() -> None:
    assert parse("FROM m\nSYSTEM a\U0001fadfb").commands[1].args == "a\U0001fadfb"


@given(st.text(alphabet=st.sampled_from('FROMfromSYTEsyte \t\n\r"#:_ax1é\u200b\x00')))
def test_any_text_parses_or_has_a_problem_in_it(text: str) -> None:
    for problem in check(text):
        assert 1 <= problem.line <= text.count("\n") + text.count("\r") + 1


@given(st.binary())
def test_any_bytes_parse_or_fail(content: bytes) -> None:
    with contextlib.suppress(ModelfileError):
        assert parse(content).commands
