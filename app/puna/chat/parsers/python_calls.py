"""OLMo 3 and LFM 2: calls written as Python does, ``name(key="value", …)``."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, closed_by

_NAME = re.compile(r"\s*([A-Za-z_][\w.\-]*)\s*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "None": None}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0"}
_MAX_DEPTH = 64


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """Calls one after another, with or without commas and brackets around them.

    Raises:
        ValueError: anything that is not a call.
    """
    text = body.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    reader = _Reader(text)
    calls = []
    while not reader.at_end():
        calls.append(reader.call())
        reader.skip(",")
    return calls


class _Reader:
    """Reads values from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def at_end(self) -> bool:
        self._space()
        return self._at >= len(self._text)

    def skip(self, char: str) -> bool:
        self._space()
        found = self._text.startswith(char, self._at)
        self._at += found
        return found

    def call(self) -> ToolCall:
        name = self._name()
        self._expect("(")
        arguments: dict[str, Any] = {}
        while not self.skip(")"):
            key = self._name()
            self._expect("=")
            arguments[key] = self._value(0)
            if not self.skip(","):
                self._expect(")")
                break
        return ToolCall(name, arguments)

    def _value(self, depth: int) -> Any:
        self._space()
        if depth > _MAX_DEPTH:
            raise ValueError("nested too deep")
        char = self._text[self._at : self._at + 1]
        if char in ('"', "'"):
            return self._string(char)
        if char == "[":
            return self._list(depth)
        if char == "{":
            return self._object(depth)
        number = _NUMBER.match(self._text, self._at)
        if number:
            self._at = number.end()
            whole = not (number[1] or number[2])
            return int(number[0]) if whole else float(number[0])
        word = self._name()
        if word not in _WORDS:
            raise ValueError(f"unknown value {word}")
        return _WORDS[word]

    def _list(self, depth: int) -> list[Any]:
        self._expect("[")
        items: list[Any] = []
        while not self.skip("]"):
            items.append(self._value(depth + 1))
            if not self.skip(","):
                self._expect("]")
                break
        return items

    def _object(self, depth: int) -> dict[str, Any]:
        self._expect("{")
        items: dict[str, Any] = {}
        while not self.skip("}"):
            key = self._value(depth + 1)
            self._expect(":")
            items[str(key)] = self._value(depth + 1)
            if not self.skip(","):
                self._expect("}")
                break
        return items

    def _string(self, quote: str) -> str:
        self._at += 1
        parts: list[str] = []
        while self._at < len(self._text):
            char = self._text[self._at]
            self._at += 1
            if char == quote:
                return "".join(parts)
            if char == "\\" and self._at < len(self._text):
                escaped = self._text[self._at]
                self._at += 1
                char = _ESCAPES.get(escaped, escaped)
            parts.append(char)
        raise ValueError("a string without end")

    def _name(self) -> str:
        found = _NAME.match(self._text, self._at)
        if not found:
            raise ValueError("a name is missing")
        self._at = found.end()
        return found[1]

    def _expect(self, char: str) -> None:
        if not self.skip(char):
            raise ValueError(f"{char} is missing")

    def _space(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1


OLMO = BlockForm(("<function_calls>",), closed_by("</function_calls>"), read_calls, trim=False)
LFM = BlockForm(("<|tool_call_start|>",), closed_by("<|tool_call_end|>"), read_calls)
LFM_THINKING = BlockForm(
    ("<|tool_call_start|>",),
    closed_by("<|tool_call_end|>"),
    read_calls,
    thinking=("<think>", "</think>"),
)
