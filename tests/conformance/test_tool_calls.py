"""Model outputs and what became of them, recorded from Ollama."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from puna.chat.events import Event, TextDelta, ThinkingDelta, ToolCallEvent
from puna.chat.messages import Message, Think, Tool
from puna.chat.parsers.base import OutputParser
from puna.chat.parsers.tagged_tools import TaggedToolParser
from puna.chat.parsers.thinking import ThinkingParser
from puna.chat.parsing import PARSERS, Answer

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "golden" / "toolcalls"

pytestmark = pytest.mark.conformance

if not FOLDER.is_dir():
    pytest.skip("the recorded answers are not here", allow_module_level=True)

STANDARD = tuple(Tool(tool) for tool in json.loads((FOLDER / "tools.json").read_text()))
# Left over by Ollama's parser for ever; we give it back as text.
LOST_THERE = {"thinking-018", "tools-076", "tools-077", "tools-155"}


def _recorded() -> dict[str, list[dict[str, Any]]]:
    found = defaultdict(list)
    for line in (FOLDER / "cases.jsonl").read_text(encoding="utf-8").split("\n"):
        if line:
            case = json.loads(line)
            found[case["family"]].append(case)
    return found


CASES = _recorded()
"""By family of models."""


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


@pytest.mark.parametrize("case", CASES["thinking"], ids=lambda case: case["id"])
def test_thinking_is_split_as_recorded_wherever_the_text_is_cut(case: dict[str, Any]) -> None:
    check(case)


@pytest.mark.parametrize("case", CASES["tools"], ids=lambda case: case["id"])
def test_tagged_calls_are_found_as_recorded_wherever_the_text_is_cut(case: dict[str, Any]) -> None:
    check(case)


# What Puna does otherwise than the recording, and why.
BETTER = {
    "cogito": "reasoning between tags is split off when thinking was asked for",
    "cohere": "the opening tag of the reasoning is not part of it; an action ends it",
    "harmony-022": "a second piece of reasoning is not lost",
    "harmony-042": "text after the end of a message is not lost",
    "glimmer-042": "a message to itself is reasoning, whatever stands before its header",
    "glimmer-044": "continued reasoning is not lost",
    "laguna-044": "continued reasoning is reasoning",
    "laguna-046": "a damaged call is text",
    "poolside-v1-035": "an unfinished call is text",
    "poolside-v1-046": "a damaged call is text",
    "laguna-034": "an unfinished call is text",
    "glm-ocr-034": "an unfinished call is text",
    "gemma4-no-thinking-035": "an unfinished call is text",
    "functiongemma-028": "null is null",
    "functiongemma-046": "a call without a name is text",
    "lfm2-031": "escapes in strings are undone",
    "lfm2-thinking-031": "escapes in strings are undone",
    "olmo3-027": "a second block of calls is read",
    "olmo3-032": "names may hold dots and dashes",
    "olmo3-033": "strings keep their characters",
}


def wanted(case: dict[str, Any]) -> list[dict[str, Any]]:
    """The recorded totals; Ollama's depend on how the text is cut."""
    recorded = [case["whole"], case.get("by_rune"), case.get("then_empty_done")]
    return [
        {
            "calls": [(call["name"], call["arguments"]) for call in item.get("calls") or []],
            "content": item.get("content", "").strip(),
            "thinking": item.get("thinking", "").strip(),
        }
        for item in recorded
        if isinstance(item, dict) and not item.get("error")
    ]


def lost(case: dict[str, Any], text: str) -> bool:
    """Ollama ended in an error there, or dropped text that was more than tags."""
    return bool(case["whole"].get("error")) or any(
        not want["calls"] and len(want["content"] + want["thinking"]) < len(text.strip())
        for want in wanted(case)
    )


def answer_of(case: dict[str, Any]) -> Answer:
    think = case.get("think")
    level = think if isinstance(think, str) else ""
    tools = STANDARD if case.get("tools") == "STANDARD" else ()
    last = case.get("last")
    return Answer(
        tools=tools,
        think=None if think is None else Think(bool(think), level),
        last=Message(**last) if last else None,
    )


FAMILIES = [case for family in PARSERS for case in CASES[family] if "whole" in case]


@pytest.mark.parametrize("case", FAMILIES, ids=lambda case: case["id"])
def test_families_are_read_as_recorded_or_nothing_is_lost(case: dict[str, Any]) -> None:
    text = case["text"] if "text" in case else "".join(case["chunks"])
    build = PARSERS[case["family"]]
    got = run(build(answer_of(case)), [text])
    assert run(build(answer_of(case)), text) == got
    for cut in range(1, len(text)):
        assert run(build(answer_of(case)), [text[:cut], text[cut:]]) == got, cut
    plain = {
        "calls": [(call["name"], call["arguments"]) for call in got["calls"] or []],
        "content": got["content"].strip(),
        "thinking": got["thinking"].strip(),
    }
    if plain in wanted(case) or case["id"] in BETTER or case["family"] in BETTER:
        return
    assert lost(case, text), (plain, wanted(case))
    assert plain["calls"] or plain["content"] or plain["thinking"] or not text.strip()
