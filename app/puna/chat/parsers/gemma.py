"""Gemma 4 and FunctionGemma: ``call:name{key:<|"|>text<|"|>,other:7}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, closed_by

_HEAD = re.compile(r"\s*call:([^{\s]+)\s*\{")
_BARE = re.compile(r"[^,\]}]*")
_KEY = re.compile(r"\s*([^:,{}\[\]]+?)\s*:")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 64


def calls_quoted_by(quote: str) -> Callable[[str, Sequence[Tool]], list[ToolCall]]:
    """A reader of calls whose texts stand between two ``quote``."""

    def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
        head = _HEAD.match(body)
        if not head:
            raise ValueError("a call begins with call:name{")
        reader = _Reader(body, head.end(), quote)
        arguments = reader.members()
        if body[reader.at :].strip():
            raise ValueError("text after the call")
        return [ToolCall(head[1], arguments)]

    return read_calls


class _Reader:
    def __init__(self, text: str, at: int, quote: str) -> None:
        self.at = at
        self._text = text
        self._quote = quote

    def members(self, depth: int = 0) -> dict[str, Any]:
        """Members of an object whose opening brace was read."""
        items: dict[str, Any] = {}
        while not self._skip("}"):
            key = _KEY.match(self._text, self.at)
            if not key or depth > _MAX_DEPTH:
                raise ValueError("a key is missing")
            self.at = key.end()
            items[key[1].removeprefix(self._quote).removesuffix(self._quote)] = self._value(depth)
            if not self._skip(",") and not self._text.startswith("}", self.at):
                raise ValueError("an object without end")
        return items

    def _value(self, depth: int) -> Any:
        if self._skip(self._quote):
            end = self._text.find(self._quote, self.at)
            if end < 0:
                raise ValueError("a text without end")
            text, self.at = self._text[self.at : end], end + len(self._quote)
            return text
        if self._skip("{"):
            return self.members(depth + 1)
        if self._skip("["):
            return self._list(depth + 1)
        bare = _BARE.match(self._text, self.at)
        assert bare is not None
        self.at = bare.end()
        return _scalar(bare[0].strip())

    def _list(self, depth: int) -> list[Any]:
        items: list[Any] = []
        while not self._skip("]"):
            if self.at >= len(self._text) or depth > _MAX_DEPTH:
                raise ValueError("a list without end")
            items.append(self._value(depth))
            if not self._skip(",") and not self._text.startswith("]", self.at):
                raise ValueError("a list without end")
        return items

    def _skip(self, text: str) -> bool:
        while self._text[self.at : self.at + 1].isspace():
            self.at += 1
        found = self._text.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found


def _scalar(text: str) -> Any:
    if text in _WORDS:
        return _WORDS[text]
    number = _NUMBER.fullmatch(text)
    if number:
        return int(text) if not (number[1] or number[2]) else float(text)
    return text


GEMMA4 = BlockForm(
    ("<|tool_call>",),
    closed_by("<tool_call|>"),
    calls_quoted_by('<|"|>'),
    thinking=("<|channel>thought\n", "<channel|>"),
    anywhere=True,
)
FUNCTION = BlockForm(
    ("<start_function_call>",),
    closed_by("<end_function_call>"),
    calls_quoted_by("<escape>"),
    trim=False,
)
