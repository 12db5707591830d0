"""Model outputs and what became of them, recorded from Ollama."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from puna.chat.events import Event, TextDelta, ThinkingDelta, ToolCallEvent
from puna.chat.messages import Tool
from puna.chat.parsers.base import OutputParser
from puna.chat.parsers.tagged_tools import TaggedToolParser
from puna.chat.parsers.thinking import ThinkingParser

FOLDER = Path(__file__).parents[5] / "shared" / "golden" / "toolcalls"

if not FOLDER.is_dir():
    pytest.skip("the recorded answers are not here", allow_module_level=True)

STANDARD = tuple(Tool(tool) for tool in json.loads((FOLDER / "tools.json").read_text()))
# Left over by Ollama's parser for ever; we give it back as text.
LOST_THERE = {"thinking-018", "tools-076", "tools-077", "tools-155"}


def cases(family: str) -> list[dict[str, Any]]:
    text = (FOLDER / "cases.jsonl").read_text(encoding="utf-8")
    found = (json.loads(line) for line in text.split("\n") if line)
    return [case for case in found if case["family"] == family]


def totals(events: Iterable[Event]) -> dict[str, Any]:
    text = thinking = ""
    calls = []
    for event in events:
        match event:
            case TextDelta(text=piece):
                text += piece
            case ThinkingDelta(text=piece):
                thinking += piece
            case ToolCallEvent(call=call):
                calls.append(
                    {"name": call.name, "index": call.index, "arguments": dict(call.arguments)}
                )
    return {"calls": calls or None, "content": text, "thinking": thinking}


def run(parser: OutputParser, pieces: Iterable[str]) -> dict[str, Any]:
    events: list[Event] = []
    for piece in pieces:
        events += parser.feed(piece)
    return totals([*events, *parser.close()])


def expected(case: dict[str, Any]) -> dict[str, Any]:
    """What the text means: as fed rune by rune, with what was left over as text."""
    result = case["whole"] if case.get("by_rune", "same") == "same" else case["by_rune"]
    result = {key: result[key] for key in ("calls", "content", "thinking")}
    if case["whole"].get("leftover") and not result["content"]:
        result["content"] = case["whole"]["leftover"]
    return result


def parser_of(case: dict[str, Any]) -> OutputParser:
    if case["family"] == "thinking":
        return ThinkingParser(case["open"], case["close"])
    tools = STANDARD if case.get("tools") == "STANDARD" else ()
    if isinstance(case.get("tools"), list):
        tools = tuple(Tool(tool) for tool in case["tools"])
    return TaggedToolParser(case["tag"], tools)


def check(case: dict[str, Any]) -> None:
    pieces = [case["text"]] if "text" in case else case["chunks"]
    text = "".join(pieces)
    want = expected(case)
    if case["id"] in LOST_THERE:
        want["content"] = text
    assert run(parser_of(case), [text]) == want
    assert run(parser_of(case), text) == want
    for cut in range(1, len(text)):
        assert run(parser_of(case), [text[:cut], text[cut:]]) == want, cut


@pytest.mark.parametrize("case", cases("thinking"), ids=lambda case: case["id"])
def test_thinking_is_split_as_recorded_wherever_the_text_is_cut(case: dict[str, Any]) -> None:
    check(case)


@pytest.mark.parametrize("case", cases("tools"), ids=lambda case: case["id"])
def test_tagged_calls_are_found_as_recorded_wherever_the_text_is_cut(case: dict[str, Any]) -> None:
    check(case)
