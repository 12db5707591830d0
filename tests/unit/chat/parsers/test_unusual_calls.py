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
