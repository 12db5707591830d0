"""Mistral: ``[TOOL_CALLS]name[ARGS]{…}``, older ones ``[TOOL_CALLS][{…}]``."""

from __future__ import annotations

from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm
from puna.chat.parsers.values import json_calls, json_value


def find_end(body: str) -> tuple[int, int] | None:
    """The block has no closing tag: it ends with its JSON."""
    start = body.find("[ARGS]")
    start = start + len("[ARGS]") if start >= 0 else 0
    depth, in_string, escaped = 0, False, False
    for at in range(start, len(body)):
        char = body[at]
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = in_string
        elif char == '"':
            in_string = not in_string
        elif in_string:
            continue
        elif char in "[{":
            depth += 1
        elif char in "]}":
            depth -= 1
            if depth == 0 and not body[start : at + 1].strip().startswith("[ARG"):
                return at + 1, at + 1
    return None


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A name and its arguments, or a JSON list of calls."""
    name, found, arguments = body.partition("[ARGS]")
    if not found:
        return json_calls(json_value(body.strip()))
    value = json_value(arguments.strip())
    name = name.split("[CALL_ID]")[0].strip()
    if not name or not isinstance(value, dict):
        raise ValueError("a call needs a name and an object of arguments")
    return [ToolCall(name, value)]


MISTRAL = BlockForm(
    ("[TOOL_CALLS]",),
    find_end,
    read_calls,
    thinking=("[THINK]", "[/THINK]"),
    anywhere=True,
)
