"""Whole prompts of Ollama's templates, as recorded."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from puna.chat.messages import Message, Think, Tool, ToolCall
from puna.chat.renderers import go
from puna.chat.rendering import Conversation, render
from puna.chat.templates import inspect_go
from puna.chat.truncation import fit
from puna.errors import TemplateError

pytestmark = pytest.mark.conformance

CASES = Path(__file__).resolve().parents[4] / "shared" / "golden" / "template" / "render.jsonl"
NOW = datetime.now()  # noqa: DTZ005 - templates print local dates
TOKENS_PER_IMAGE = 768
# Ollama loses functions, defined templates and else parts in the last turn of
# a template without .Messages; here they work.
WORKS_HERE = ("is not a defined function", "not defined", "interface conversion")


def _cases() -> Iterator[dict[str, Any]]:
    if not CASES.exists():
        pytest.skip("shared/golden is not here")
    for line in CASES.read_text(encoding="utf-8").split("\n"):
        if line and '"template"' in line:
            case = json.loads(line)
            if "template" in case:
                yield case


def _message(data: dict[str, Any]) -> Message:
    calls = tuple(
        ToolCall(
            call["function"]["name"],
            call["function"].get("arguments") or {},
            call.get("id", ""),
            call["function"].get("index", 0),
        )
        for call in data.get("tool_calls", ())
    )
    return Message(
        role=data["role"].lower(),
        content=data.get("content", ""),
        thinking=data.get("thinking", ""),
        images=tuple(map(base64.b64decode, data.get("images", ()))),
        tool_calls=calls,
        tool_name=data.get("tool_name", ""),
        tool_call_id=data.get("tool_call_id", ""),
    )


def _values(values: dict[str, Any]) -> go.Values:
    tools = values.get("tools")
    think = None
    if values.get("is_think_set"):
        think = Think(values.get("think", False), values.get("think_level", ""))
    return go.Values(
        [_message(message) for message in values.get("messages", ())],
        None if tools is None else [Tool(tool) for tool in tools],
        values.get("prompt", ""),
        values.get("suffix", ""),
        think,
    )


def _expected(case: dict[str, Any]) -> tuple[str, str]:
    if "output" in case:
        return "output", case["output"].replace("{{TODAY}}", f"{NOW:%Y-%m-%d}")
    error = case.get("exec_error") or case.get("parse_error") or case["panic"]
    return "error", error


def _chat(case: dict[str, Any]) -> tuple[str, list[str]]:
    values = _values(case["values"])

    def rendered(messages: Sequence[Message]) -> Any:
        return render(Conversation("go", case["template"], messages), NOW)

    def count(messages: Sequence[Message]) -> int:
        found = rendered(messages)
        images = len(found.images) if case["family"] == "vision" else 0
        return len(found.text.split()) + TOKENS_PER_IMAGE * images

    messages = tuple(values.messages)
    if case["truncate"]:
        messages = fit(messages, count, case["num_ctx"]).messages
    found = rendered(messages)
    return found.text, [f"{place}:{image.decode()}" for place, image in enumerate(found.images)]


def test_recorded_conversations_give_the_recorded_prompts() -> None:
    wrong = []
    for case in _cases():
        if case.get("mode") == "chat":
            continue
        try:
            found = "output", go.render(go.load(case["template"]), _values(case["values"]), NOW)
        except TemplateError as error:
            found = "error", str(error)
        expected = _expected(case)
        works_here = expected[0] == "error" and any(text in expected[1] for text in WORKS_HERE)
        if works_here and case["area"].startswith("legacy"):
            expected = found if found[0] == "output" else expected
        if found != expected:
            wrong.append(f"{case['id']}\n {found}\n {expected}")
    assert not wrong, f"{len(wrong)} differ\n" + "\n".join(wrong[:10])


def test_recorded_chats_are_shortened_and_marked_as_recorded() -> None:
    wrong = []
    for case in _cases():
        if case.get("mode") != "chat" or "only supports one image" in case.get("exec_error", ""):
            continue
        try:
            found, media = _chat(case)
        except TemplateError as error:
            found, media = str(error), []
        if (found, media) != (_expected(case)[1], case.get("media", [])):
            wrong.append(f"{case['id']}\n {found!r} {media}\n {_expected(case)[1]!r}")
    assert not wrong, f"{len(wrong)} differ\n" + "\n".join(wrong[:10])


def test_templates_are_inspected_as_recorded() -> None:
    for case in _cases():
        if "tool_tag" not in case:
            continue
        info = inspect_go(case["template"])
        assert list(info.capabilities) == case["capabilities"], case["id"]
        assert list(info.thinking_tags or ("", "")) == case["thinking_tags"], case["id"]
        assert info.tool_tag == case["tool_tag"], case["id"]
        if "tool_round_trip" in case:
            assert info.round_trip == case["tool_round_trip"], case["id"]
