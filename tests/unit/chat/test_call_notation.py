from __future__ import annotations

import pytest

from puna.chat.call_notation import HERMES_TAG, Notation, notation_of
from puna.chat.events import TextDelta, ToolCallEvent
from puna.chat.messages import Think, Tool
from puna.chat.parsing import PARSERS, Answer, OutputFormat, parser_for

TOOLS = tuple(
    Tool({"type": "function", "function": {"name": name, "parameters": {"type": "object"}}})
    for name in ("weather", "add_one")
)
ARGUMENTS = ('{"city": "Oslo ] } <x>"}', '{"n": 1}')


def written(output: OutputFormat, template: str) -> tuple[str, OutputFormat, int]:
    """What the grammar makes a model write, as many calls as it may."""
    notation, reading = notation_of(output, template)
    grammar = notation.grammar(TOOLS, 2)
    calls = [
        option.before + arguments + option.after
        for option, arguments in zip(grammar.alternatives, ARGUMENTS, strict=True)
    ]
    text = grammar.opening + grammar.separator.join(calls[: grammar.most]) + grammar.closing
    return text, reading, grammar.most


OUTPUTS = [
    *((OutputFormat(family), "") for family in PARSERS),
    *((OutputFormat(family, detected=True), "") for family in PARSERS),
    (OutputFormat("ministral"), "[TOOL_CALLS] [{"),
    (OutputFormat("ministral"), "[TOOL_CALLS]name[ARGS]"),
    (OutputFormat("deepseek3"), "```json"),
    (OutputFormat(), ""),
    (OutputFormat("", ("<think>", "</think>")), ""),
    *((OutputFormat("", None, tag), "") for tag in ("{", "[", HERMES_TAG, "<|call|>")),
]


@pytest.mark.parametrize(("output", "template"), OUTPUTS, ids=str)
@pytest.mark.parametrize("step", [1, 1000])
def test_every_model_reads_the_calls_it_is_made_to_write(
    output: OutputFormat, template: str, step: int
) -> None:
    text, reading, count = written(output, template)
    parser = parser_for(reading, Answer(TOOLS, think=Think(False)))
    events = [
        event for at in range(0, len(text), step) for event in parser.feed(text[at : at + step])
    ]
    events += parser.close()
    calls = [event.call for event in events if isinstance(event, ToolCallEvent)]
    expected = [("weather", {"city": "Oslo ] } <x>"}), ("add_one", {"n": 1})][:count]
    assert [(call.name, dict(call.arguments)) for call in calls] == expected
    assert "".join(event.text for event in events if isinstance(event, TextDelta)).strip() == ""


def test_a_name_that_needs_escapes_stays_one_json_string() -> None:
    notation, _ = notation_of(OutputFormat("hermes"), "")
    tool = Tool({"function": {"name": 'a"b'}})
    (option,) = notation.grammar([tool], 1).alternatives
    assert '"a\\"b"' in option.before
    assert option.schema == '{"type": "object"}'


@pytest.mark.parametrize(
    ("output", "template", "start"),
    [
        (OutputFormat("hermes"), "", HERMES_TAG),
        (OutputFormat("granite"), "", "<|tool_call|>"),
        (OutputFormat("ministral"), "", "[TOOL_CALLS]"),
        (OutputFormat("ministral"), "[TOOL_CALLS] [{", "[TOOL_CALLS]"),
        (OutputFormat("deepseek3"), "", "<｜tool▁calls▁begin｜>"),
        (OutputFormat("llama"), "", '{"name": "'),
        (OutputFormat("", None, "{"), "", '{"name": "'),
        (OutputFormat("", None, "["), "", '[{"name": "'),
    ],
)
def test_what_follows_the_beginning_of_a_call_makes_the_same_calls(
    output: OutputFormat, template: str, start: str
) -> None:
    notation, _ = notation_of(output, template)
    begun = notation.begun()
    assert begun is not None
    assert begun.text == start
    assert begun.at_start is start.endswith('{"name": "')
    assert start + text_of(begun.notation) == text_of(notation)


def text_of(notation: Notation) -> str:
    """Two calls."""
    grammar = notation.grammar(TOOLS, 2)
    calls = [option.before + "{}" + option.after for option in grammar.alternatives]
    return grammar.opening + grammar.separator.join(calls) + grammar.closing


def test_nothing_tells_that_a_call_has_begun_where_it_is_addressed() -> None:
    assert notation_of(OutputFormat("harmony"), "")[0].begun() is None
