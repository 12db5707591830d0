from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.chat.events import Event, TextDelta, ToolCallDelta, ToolCallEvent
from puna.chat.messages import Tool
from puna.chat.parsing import Answer, OutputFormat, parser_for

TOOLS = (
    Tool({"function": {"name": "weather"}}),
    Tool({"function": {"name": "add"}}),
)
FIRST = {"city": 'Os"lo }{', "deep": {"a": [1, {"b": "\\"}]}}
SECOND = {"n": 1}
HERMES = OutputFormat("hermes")
TAGGED = OutputFormat("", None, "<tool_call>")
MISTRAL = OutputFormat("ministral")


def json_call(name: str, arguments: object) -> str:
    return json.dumps({"name": name, "arguments": arguments})


TWO = "".join(
    f"<tool_call>\n{json_call(name, arguments)}\n</tool_call>\n"
    for name, arguments in (("weather", FIRST), ("add", SECOND))
)
WAYS = [
    (HERMES, "Text. " + TWO),
    (OutputFormat("hermes", detected=True), TWO),
    (TAGGED, "Text. " + TWO),
    (OutputFormat("", None, "{"), json_call("weather", FIRST)),
    (OutputFormat("llama"), '{"name": "weather", "parameters": ' + json.dumps(FIRST) + "}"),
    (MISTRAL, f"[TOOL_CALLS]weather[ARGS]{json.dumps(FIRST)}[TOOL_CALLS]add[ARGS]{{}}"),
    (OutputFormat("granite"), f"<|tool_call|>[{json_call('weather', FIRST)}]"),
]


def read(form: OutputFormat, pieces: Sequence[str]) -> list[Event]:
    parser = parser_for(form, Answer(TOOLS))
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.close()]


def told(events: Sequence[Event], index: int) -> list[ToolCallDelta]:
    return [e for e in events if isinstance(e, ToolCallDelta) and e.index == index]


@pytest.mark.parametrize(("form", "text"), WAYS)
def test_arguments_are_told_while_they_are_written(form: OutputFormat, text: str) -> None:
    events = read(form, list(text))
    deltas = told(events, 0)
    assert deltas[0] == ToolCallDelta(0, "", "weather", "")
    assert len(deltas) > 20
    whole = "".join(delta.text for delta in deltas)
    assert whole == json.dumps(FIRST, separators=(",", ":"))
    kinds = [type(event) for event in events if isinstance(event, ToolCallDelta | ToolCallEvent)]
    assert kinds[: len(deltas) + 1] == [ToolCallDelta] * len(deltas) + [ToolCallEvent]


@pytest.mark.parametrize(("form", "text"), WAYS)
def test_nothing_is_told_of_a_call_that_comes_at_once(form: OutputFormat, text: str) -> None:
    end = text.index("}}") + 2
    events = read(form, [text[:end], text[end:]])
    assert not any(isinstance(event, ToolCallDelta) for event in events)
    assert any(isinstance(event, ToolCallEvent) for event in events)


@given(st.sampled_from(WAYS), st.lists(st.integers(0, 400), max_size=12))
def test_wherever_the_text_is_cut_the_pieces_make_the_arguments(
    way: tuple[OutputFormat, str], cuts: list[int]
) -> None:
    form, text = way
    places = [0, *sorted(cuts), len(text)]
    events = read(form, [text[a:b] for a, b in itertools.pairwise(places)])
    calls = [event.call for event in events if isinstance(event, ToolCallEvent)]
    assert dict(calls[0].arguments) == FIRST
    for call in calls:
        if deltas := told(events, call.index):
            assert {delta.name for delta in deltas} == {call.name}
            assert json.loads("".join(delta.text for delta in deltas)) == call.arguments


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "unknown", "arguments": {"a": 1}}</tool_call>',
        '<tool_call>{"arguments": {"a": 1}, "name": "add"}</tool_call>',
        '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>',
    ],
)
def test_a_call_in_another_form_is_told_when_it_is_complete(text: str) -> None:
    events = read(HERMES, list(text))
    assert [type(event) for event in events] == [ToolCallEvent]


def test_a_call_that_breaks_off_stays_text() -> None:
    text = '<tool_call>{"name": "add", "arguments": {"a": 1'
    events = read(HERMES, list(text))
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == text
    assert not any(isinstance(event, ToolCallEvent) for event in events)
