from typing import Any

import pytest

from puna.api.anthropic import MessagesRequest
from puna.api.decoding import decode
from puna.server.translate.anthropic import estimated_tokens, to_chat

WEATHER = {
    "name": "get_weather",
    "description": "Weather now",
    "input_schema": {
        "type": "object",
        "required": ["city"],
        "properties": {"city": {"type": "string", "description": "Town"}},
    },
}
TURN: list[dict[str, Any]] = [
    {"role": "user", "content": "a"},
    {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Oslo"}}]},
    {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "sun"}, {"type": "text", "text": "<|text|>"}]},
]  # fmt: skip


@pytest.mark.parametrize(
    ("messages", "tools", "tokens"),
    [
        (TURN, [WEATHER], 71),  # as Ollama says of both
        ([{"role": "user", "content": []}], [], 1),
        ([{"role": "user", "content": "é" * 18}], [], 10),
    ],
)
def test_tokens_are_guessed_from_bytes(messages: list[Any], tools: list[Any], tokens: int) -> None:
    body = {"model": "m", "max_tokens": 5, "messages": messages, "tools": tools}
    assert estimated_tokens(decode(MessagesRequest, body)) == tokens


def test_keys_of_blocks_are_read_without_regard_to_case() -> None:
    block = {"TYPE": "tool_result", "Tool_Use_ID": "toolu_1", "Content": "sun"}
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": [block]}]}
    (message,) = to_chat(decode(MessagesRequest, body)).messages
    assert (message.role, message.content, message.tool_call_id) == ("tool", "sun", "toolu_1")


@pytest.mark.parametrize(("given", "strict"), [({"strict": True}, True), ({}, False), ({"strict": 1}, False)])  # fmt: skip
def test_a_tool_may_be_strict(given: dict[str, Any], strict: bool) -> None:
    tool = {"name": "f", "input_schema": {"type": "object"}, **given}
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}
    (found,) = to_chat(decode(MessagesRequest, {**body, "tools": [tool]})).tools
    assert (found.name, found.is_strict) == ("f", strict)
