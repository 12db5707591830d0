"""Functions that an OpenAI client marks as strict: calls of them fit their schemas."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .conftest import TOOLS, Serving

pytestmark = pytest.mark.conformance

TAGGED = (
    '{{ range .Messages }}[{{ .Role }}]{{ if eq .Role "assistant" }}{{ if .Thinking }}'
    "<think>{{ .Thinking }}</think>{{ end }}{{ end }}{{ .Content }}{{ if .ToolCalls }}{{ range .ToolCalls }}"
    '<tool_call>{"name": "{{ .Function.Name }}", "arguments": {{ .Function.Arguments }}}'
    "</tool_call>{{ end }}{{ end }}{{ end }}"
)
"""Reasoning and calls between tags."""


def function(name: str, argument: str, value: str) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {argument: {"enum": [value]}},
        "required": [argument],
        "additionalProperties": False,
    }
    return {
        "type": "function",
        "function": {"name": name, "strict": True, "parameters": parameters},
    }


@pytest.fixture(scope="module")
def tagged(serving: Serving) -> str:
    """A model that thinks and calls."""
    body = {"model": "tiny-tagged", "from": "tiny", "template": TOOLS + TAGGED, "stream": False}
    serving.call("POST", "/api/create", body)
    return "tiny-tagged"


def calls(serving: Serving, model: str, script: str, *tools: dict[str, Any]) -> Any:
    """What the model thinks, and what it calls; its script says something that does not fit."""
    body = {"model": model, "messages": [{"role": "user", "content": script}], "tools": tools}
    (choice,) = serving.call("POST", "/v1/chat/completions", {**body, "max_tokens": 64})["choices"]
    message = choice["message"]
    made = [call["function"] for call in message.get("tool_calls", [])]
    return message.get("reasoning"), [(c["name"], json.loads(c["arguments"])) for c in made]


WEATHER = function("get_weather", "city", "Bergen")


def test_a_call_that_is_the_whole_answer_fits(serving: Serving) -> None:
    found = calls(serving, "tiny-tools", "<|tool|>", WEATHER)
    assert found == (None, [("get_weather", {"city": "Bergen"})])


def test_a_call_between_tags_fits(serving: Serving, tagged: str) -> None:
    found = calls(serving, tagged, "<|tagtool|>", WEATHER)
    assert found == (None, [("get_weather", {"city": "Bergen"})])


def test_a_call_after_thinking_fits(serving: Serving, tagged: str) -> None:
    found = calls(serving, tagged, "<|thinktool|>", function("get_time", "zone", "UTC"))
    assert found == ("which tool? ", [("get_time", {"zone": "UTC"})])
