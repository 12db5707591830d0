"""Qwen, Hermes and the many that write ``<tool_call>{"name", "arguments"}</tool_call>``."""

from __future__ import annotations

from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, Start, closed_by
from puna.chat.parsers.values import json_calls, json_value


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A JSON object or a list of them."""
    return json_calls(json_value(body.strip()))


INSTRUCT = BlockForm(("<tool_call>",), closed_by("</tool_call>"), read_calls)
HERMES = BlockForm(
    ("<tool_call>",), closed_by("</tool_call>"), read_calls, thinking=("<think>", "</think>")
)
THINKING = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_calls,
    thinking=("<think>", "</think>"),
    start=Start.THINKING,
)
VL_THINKING = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_calls,
    thinking=("<think>", "</think>"),
    start=Start.THINKING,
    reopened=False,
)
