"""Qwen3-Coder, Qwen3.5 and Nemotron: ``<function=name><parameter=key>value</parameter>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers import qwen
from puna.chat.parsers.blocks import BlockForm, Start, closed_by
from puna.chat.parsers.values import typed, types_of, unwrapped

_FUNCTION = re.compile(r"<function=([^>]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>]+)>(.*?)</parameter>", re.DOTALL)


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """One or more functions, each with its parameters, or a call as JSON.

    Raises:
        ValueError: a parameter without its end.
    """
    if body.lstrip().startswith("{"):
        return qwen.read_calls(body, tools)
    calls = []
    for name, inner in _FUNCTION.findall(body):
        rest = _PARAMETER.sub("", inner)
        if rest.strip():
            raise ValueError("text between the parameters")
        kinds = types_of(tools, name.strip())
        arguments = {
            key.strip(): typed(unwrapped(value), kinds.get(key.strip(), ()))
            for key, value in _PARAMETER.findall(inner)
        }
        calls.append(ToolCall(name.strip(), arguments))
    return calls


CODER = BlockForm(("<tool_call>",), closed_by("</tool_call>"), read_calls)
THINKING = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_calls,
    thinking=("<think>", "</think>"),
    start=Start.THINKING,
)
