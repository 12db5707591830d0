"""Mistral: ``[TOOL_CALLS]name[ARGS]{…}``, older ones ``[TOOL_CALLS][{…}]``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm
from puna.chat.parsers.values import json_calls, json_value

_ARGUMENTS = "[ARGS]"


class JsonEnd:
    """Finds the end of a block without a closing tag: it ends with its JSON.

    Looks at each character once, however often it is called while the block grows.
    """

    _BRACKET = re.compile(r'["\[\]{}]')
    _IN_STRING = re.compile(r'"|\\.', re.DOTALL)

    def __init__(self) -> None:
        self._at: int | None = None
        self._depth = 0
        self._in_string = False

    def __call__(self, body: str) -> tuple[int, int] | None:
        """Where the block ends and what follows it begins."""
        if self._at is None:
            self._at = _json_start(body)
        while self._at is not None:
            signs = self._IN_STRING if self._in_string else self._BRACKET
            found = signs.search(body, self._at)
            if found is None:
                # A backslash at the end belongs to what follows.
                is_cut = self._in_string and self._at < len(body) and body.endswith("\\")
                self._at = len(body) - is_cut
                return None
            self._at = found.end()
            self._step(found[0])
            if self._depth == 0 and found[0] in "]}":
                return self._at, self._at
        return None

    def _step(self, sign: str) -> None:
        if sign == '"':
            self._in_string = not self._in_string
        elif sign in "[{":
            self._depth += 1
        elif sign in "]}":
            self._depth -= 1


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
    JsonEnd,
    read_calls,
    thinking=("[THINK]", "[/THINK]"),
    anywhere=True,
)
