"""DeepSeek 3 and Cogito: ``<｜tool▁call▁begin｜>name<｜tool▁sep｜>{…}<｜tool▁call▁end｜>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, Start, closed_by
from puna.chat.parsers.values import json_value

_BEGIN, _END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"
_CALL = re.compile(r"<｜tool▁call▁begin｜>(.*?)<｜tool▁sep｜>(.*?)<｜tool▁call▁end｜>", re.DOTALL)
_FENCED = re.compile(r"\s*(\S+)\s*```(?:json)?\s*(.*?)\s*```\s*", re.DOTALL)


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """``name, JSON`` pairs; older models write ``function, name and fenced JSON``.

    Raises:
        ValueError: arguments that are not a JSON object.
    """
    calls = []
    for first, second in _CALL.findall(body):
        fenced = _FENCED.fullmatch(second)
        name, arguments = fenced.groups() if fenced else (first.strip(), second.strip())
        value = json_value(arguments)
        if not name or not isinstance(value, dict):
            raise ValueError("a call needs a name and an object of arguments")
        calls.append(ToolCall(name, value))
    return calls


PLAIN = BlockForm((_BEGIN,), closed_by(_END), read_calls)
THINKING = BlockForm(
    (_BEGIN,),
    closed_by(_END),
    read_calls,
    thinking=("<think>", "</think>"),
    start=Start.THINKING,
    reopened=False,
)
