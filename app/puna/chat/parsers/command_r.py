"""Command-R and Command-A: ``<|START_ACTION|>[{"tool_name", "parameters"}]<|END_ACTION|>``."""

from __future__ import annotations

from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, Start, closed_by
from puna.chat.parsers.values import json_calls, json_value


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A JSON list of calls; their own numbers are not ids."""
    return json_calls(json_value(body.strip()))


_TEXT_TAGS = ("<|START_TEXT|>", "<|END_TEXT|>", "<|START_RESPONSE|>", "<|END_RESPONSE|>")

THINKING = BlockForm(
    ("<|START_ACTION|>",),
    closed_by("<|END_ACTION|>"),
    read_calls,
    thinking=("<|START_THINKING|>", "<|END_THINKING|>"),
    start=Start.THINKING,
    dropped=_TEXT_TAGS,
)
