"""Mistral: ``[TOOL_CALLS]name[ARGS]{…}``, older ones ``[TOOL_CALLS][{…}]``."""

from __future__ import annotations

from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm
from puna.chat.parsers.values import json_calls, json_value

_ARGUMENTS = "[ARGS]"


def find_end(body: str) -> tuple[int, int] | None:
    """The block has no closing tag: it ends with its JSON."""
    start = _json_start(body)
    if start is None:
        return None
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
            if depth == 0:
                return at + 1, at + 1
    return None


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A name and its arguments, or a JSON list of calls.

    Raises:
        ValueError: neither of them.
    """
    start = _json_start(body)
    if start is None:
        raise ValueError("a call needs arguments")
    name = body[:start].removesuffix(_ARGUMENTS).split("[CALL_ID]")[0].strip()
    value = json_value(body[start:].strip())
    if not name and _ARGUMENTS not in body[:start]:
        return json_calls(value)
    if not name or not isinstance(value, dict):
        raise ValueError("a call needs a name and an object of arguments")
    return [ToolCall(name, value)]


def _json_start(body: str) -> int | None:
    """Where the JSON begins; None = not yet.

    The first sign decides, so that more text cannot change it: the brackets of
    ``[CALL_ID]`` behind a name are not JSON.
    """
    trimmed = body.lstrip()
    if trimmed.startswith(("[", "{")) and not _ARGUMENTS.startswith(trimmed[: len(_ARGUMENTS)]):
        return len(body) - len(trimmed)
    named = body.find(_ARGUMENTS)
    bare = body.find("{")
    if named >= 0 and not 0 <= bare < named:
        return named + len(_ARGUMENTS)
    return bare if bare >= 0 else None


MISTRAL = BlockForm(
    ("[TOOL_CALLS]",),
    find_end,
    read_calls,
    thinking=("[THINK]", "[/THINK]"),
    anywhere=True,
)
