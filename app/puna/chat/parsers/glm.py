"""GLM 4, Laguna and Poolside: ``<tool_call>name<arg_key>k</arg_key><arg_value>v</arg_value>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, Start, closed_by
from puna.chat.parsers.values import typed, types_of

_PAIR = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
_NAME = re.compile(r"[\w.\-:/]+")


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A name, then pairs of key and value.

    Raises:
        ValueError: no name, or text that is not a pair.
    """
    name, _, rest = body.partition("<arg_key>")
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise ValueError("a call begins with the name of a tool")
    pairs = "<arg_key>" + rest if rest else ""
    if _PAIR.sub("", pairs).strip():
        raise ValueError("text between the arguments")
    kinds = types_of(tools, name)
    arguments = {
        key.strip(): typed(value, kinds.get(key.strip(), ())) for key, value in _PAIR.findall(pairs)
    }
    return [ToolCall(name, arguments)]


GLM = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_calls,
    thinking=("<think>", "</think>"),
    start=Start.THINKING,
    reopened=False,
    call_ends_thinking=False,
)
LAGUNA = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_calls,
    thinking=("<think>", "</think>"),
    anywhere=True,
)
OCR = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_calls,
    thinking=("<think>", "</think>"),
)
