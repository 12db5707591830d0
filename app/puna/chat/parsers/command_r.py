"""Command-R and Command-A: ``<|START_ACTION|>[{"tool_name", "parameters"}]<|END_ACTION|>``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, Start, closed_by
from puna.chat.parsers.values import json_calls, json_value


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A JSON list of calls; their own numbers are not ids."""
    return json_calls(json_value(body.strip()))


def mend_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """The calls that can be read, where a comma is missing or another one is broken."""
    calls: list[ToolCall] = []
    for text in _objects(body):
        with suppress(ValueError):
            calls += json_calls(json_value(text))
    return calls


def _objects(text: str) -> Iterator[str]:
    """The outermost JSON objects."""
    depth = start = 0
    for part in _PARTS.finditer(text):
        if part[0] == "{":
            start = part.start() if depth == 0 else start
            depth += 1
        elif part[0] == "}" and depth:
            depth -= 1
            if depth == 0:
                yield text[start : part.end()]


_PARTS = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}]', re.DOTALL)


_TEXT_TAGS = ("<|START_TEXT|>", "<|END_TEXT|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>")

THINKING = BlockForm(
    ("<|START_ACTION|>",),
    closed_by("<|END_ACTION|>"),
    read_calls,
    thinking=("<|START_THINKING|>", "<|END_THINKING|>"),
    start=Start.THINKING,
    dropped=_TEXT_TAGS,
    mend_calls=mend_calls,
)
