from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.modelfile import Command, format_modelfile, format_safely, parse
from puna.modelfile.formatter import safely_quoted
from puna.modelfile.source import visible

_values = st.text(alphabet=st.sampled_from("ab\" \t\n\ré✓#:'\\")).map(visible)
_names = st.sampled_from(["model", "system", "template", "license", "adapter", "stop", "top_k"])
_messages = st.builds(
    lambda role, text: Command("message", f"{role}: {text}"),
    st.sampled_from(["system", "user", "assistant"]),
    _values,
)
_commands = st.lists(st.builds(Command, _names, _values) | _messages)


def test_commands_are_printed_by_their_keywords() -> None:
    commands = [
        Command("model", "m"),
        Command("stop", " a"),
        Command("message", "user: hi"),
        Command("license", 'a\n"b"'),
    ]
    assert format_modelfile(commands) == (
        'FROM m\nPARAMETER stop " a"\nMESSAGE user hi\nLICENSE """a\n"b""""\n'
    )


def test_a_from_gets_quotes_only_where_it_has_to_be_read_again() -> None:
    commands = [Command("model", "my model ")]
    assert format_modelfile(commands) == "FROM my model \n"
    assert format_safely(commands) == 'FROM "my model "\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("", ""),
        ('say "hi"', 'say "hi"'),
        ('"a"', '""a""'),
        (" a", '" a"'),
        ("a\tb", "a\tb"),
        ("a\n", '"a\n"'),
        ('a"\nb', '"""a"\nb"""'),
        ('""', '""""""""'),
    ],
)
def test_a_value_gets_the_quotes_that_it_needs(value: str, text: str) -> None:
    assert safely_quoted(value) == text


def test_a_value_that_no_quotes_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        safely_quoted('a"""\nb')


@given(_commands)
def test_what_is_printed_safely_parses_to_the_same_commands(commands: list[Command]) -> None:
    commands = [Command("model", "m"), *commands]
    try:
        text = format_safely(commands)
    except ValueError:
        assert any('"""' in command.args for command in commands)
        return
    assert parse(text).commands == tuple(commands)


@given(_commands)
def test_plain_values_survive_printing_as_ollama_does(commands: list[Command]) -> None:
    plain = [Command("model", "m")]
    plain += [c for c in commands if not set(c.args) & set('"\t\r') and c.args == c.args.strip()]
    plain = [c for c in plain if c.name != "model" or "\n" not in c.args]
    assert parse(format_modelfile(plain)).commands == tuple(plain)
