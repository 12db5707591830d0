"""Calls as models write them when they leave their own notation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from puna.chat.events import Event, TextDelta, ThinkingDelta, ToolCallEvent
from puna.chat.messages import Think, Tool
from puna.chat.parsing import Answer, OutputFormat, parser_for


def _tool(name: str, **kinds: str) -> Tool:
    properties = {key: {"type": kind} for key, kind in kinds.items()}
    return Tool({"function": {"name": name, "parameters": {"properties": properties}}})


TOOLS = (_tool("note", text="string", urgent="boolean"), _tool("clock"))
NOTE = [("note", {"text": "a, b"})]
CLOCK: list[tuple[str, Mapping[str, Any]]] = [("clock", {})]


def _events(form: OutputFormat, think: Think | None, pieces: Iterable[str]) -> list[Event]:
    parser = parser_for(form, Answer(TOOLS, think))
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.close()]


def _read(
    form: OutputFormat | str, text: str, think: Think | None = None
) -> tuple[list[tuple[str, Mapping[str, Any]]], str, str]:
    """Calls, text and thinking, which are the same however the text is cut."""
    if isinstance(form, str):
        form = OutputFormat(form)
    results = []
    for pieces in ([text], list(text), [text[: len(text) // 2], text[len(text) // 2 :]]):
        events = _events(form, think, pieces)
        calls = [(e.call.name, e.call.arguments) for e in events if isinstance(e, ToolCallEvent)]
        said = "".join(e.text for e in events if isinstance(e, TextDelta))
        thought = "".join(e.text for e in events if isinstance(e, ThinkingDelta))
        results.append((calls, said, thought))
    assert results[0] == results[1] == results[2]
    return results[0]


# ---------------------------------------------------------------- Mistral


@pytest.mark.parametrize(
    "call",
    [
        'note[CALL_ID]abc123def[ARGS]{"text": "a, b"}',
        'note{"text": "a, b"}',
        ' note[ARGS] {"text": "a, b"}',
        '[{"name": "note", "arguments": {"text": "a, b"}}]',
    ],
)
def test_a_mistral_call_is_read_in_every_notation(call: str) -> None:
    assert _read("ministral", f"[TOOL_CALLS]{call}") == (NOTE, "", "")


@pytest.mark.parametrize(
    "text",
    [
        '[TOOL_CALLS][ARGS]{"text": "x"}',
        "[TOOL_CALLS][TOOL_CALLS]clock[ARGS]{}",
        "[TOOL_CALLS]clock[ARGS]now",
        "[TOOL_CALLS]clock",
    ],
)
def test_what_is_no_mistral_call_stays_text(text: str) -> None:
    assert _read("ministral", text) == ([], text, "")


# ---------------------------------------------------------------- Gemma 4


@pytest.mark.parametrize(
    "arguments",
    [
        'text:<|"|>a, b<|"|>',
        'text:"a, b"',
        '"text": "a, b"',
        "text:'a, b'",
        "text:'a, b'<|\"|>",
        'text:<|"|>a, b',
        "text: a, b",
    ],
)
def test_a_gemma_call_is_read_with_whatever_quotes_it_has(arguments: str) -> None:
    text = f"<|tool_call>call:note{{{arguments}}}<tool_call|>"
    assert _read("gemma4", text) == (NOTE, "", "")


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("text:a {b}, urgent:true", {"text": "a {b}", "urgent": True}),
        ("text:12 b", {"text": "12 b"}),
        ("text:it's", {"text": "it's"}),
        (r'text:"say \"a\"", urgent:false', {"text": 'say "a"', "urgent": False}),
        (r"text:'it\'s'", {"text": "it's"}),
        ('text:"a" b', {"text": '"a" b'}),
        ("text:", {"text": ""}),
        ("x:[\"a, b\",'c']", {"x": ["a, b", "c"]}),
    ],
)
def test_a_gemma_text_without_its_quotes_ends_where_the_tool_has_its_next_argument(
    arguments: str, value: dict[str, Any]
) -> None:
    text = f"<|tool_call>call:note{{{arguments}}}<tool_call|>"
    assert _read("gemma4", text) == ([("note", value)], "", "")


@pytest.mark.parametrize(
    "noise", ["<tool_call|>", "<|tool_response>", " <tool_call|>\n<tool_call|>"]
)
def test_tags_after_a_gemma_call_are_dropped(noise: str) -> None:
    text = f"<|tool_call>call:clock{{}}<tool_call|>{noise}Done <tool_call|>"
    assert _read("gemma4", text) == (CLOCK, "Done <tool_call|>", "")


def test_a_gemma_call_that_was_broken_off_is_not_mended() -> None:
    text = '<|tool_call>call:note{text:<|"|>if (a) {b}'
    assert _read("gemma4", text) == ([], text, "")
