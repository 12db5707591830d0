"""Gemma 4 and FunctionGemma: ``call:name{key:<|"|>text<|"|>,other:7}``."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, closed_by
from puna.chat.parsers.values import json_value, types_of

_HEAD = re.compile(r"\s*call:([^{\s]+)\s*\{")
_BARE = re.compile(r"[^,\]}]*")
_KEY = re.compile(r"\s*([^:,{}\[\]]+?)\s*:")
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_WORDS = {"true": True, "false": False, "null": None}
_MAX_DEPTH = 64
_QUOTE = '<|"|>'
_PLAIN_QUOTED = re.compile(
    r"""\s*(?:("(?:[^"\\]|\\.)*+")|'((?:[^'\\]|\\.)*+)'(?:<\|"\|>)?)\s*(?=[,}\]])""", re.DOTALL
)
_STRUCTURED = (_QUOTE, '"', "'", "{", "[")


def calls_quoted_by(quote: str) -> Callable[[str, Sequence[Tool]], list[ToolCall]]:
    """A reader of calls whose texts stand between two ``quote``."""

    def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
        head = _head(body)
        return [_call(head[1], _Reader(body, head.end(), quote))]

    return read_calls


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A call whose texts stand between two ``<|"|>``, or as the model often has it.

    That is between plain quotes, or between none at all where the tool wants a text.

    Raises:
        ValueError: anything else.
    """
    head = _head(body)
    reader = _FreeReader(body, head.end(), types_of(tools, head[1]))
    return [_call(head[1], reader)]


def mend_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A call whose last text has no closing quote.

    Raises:
        ValueError: that is not what is wrong with it.
    """
    text = body.rstrip()
    if text.count(_QUOTE) % 2 == 0:
        raise ValueError("no quote is missing")
    inner = text[:-1] if text.endswith("}") else text
    return read_calls(f"{inner}{_QUOTE}}}", tools)


def _head(body: str) -> re.Match[str]:
    head = _HEAD.match(body)
    if not head:
        raise ValueError("a call begins with call:name{")
    return head


def _call(name: str, reader: _Reader) -> ToolCall:
    arguments = reader.members()
    if reader.rest.strip():
        raise ValueError("text after the call")
    return ToolCall(name, arguments)


class _Reader:
    def __init__(self, text: str, at: int, quote: str) -> None:
        self._at = at
        self._text = text
        self._quote = quote

    @property
    def rest(self) -> str:
        """What was not read yet."""
        return self._text[self._at :]

    def members(self, depth: int = 0) -> dict[str, Any]:
        """Members of an object whose opening brace was read."""
        items: dict[str, Any] = {}
        while not self._skip("}"):
            key = _KEY.match(self._text, self._at)
            if not key or depth > _MAX_DEPTH:
                raise ValueError("a key is missing")
            self._at = key.end()
            name = self._name(key[1])
            items[name] = self._member(name, depth)
            if not self._skip(",") and not self._text.startswith("}", self._at):
                raise ValueError("an object without end")
        return items

    def _name(self, key: str) -> str:
        return key.removeprefix(self._quote).removesuffix(self._quote)

    def _member(self, name: str, depth: int) -> Any:
        return self._value(depth)

    def _value(self, depth: int) -> Any:
        if self._skip(self._quote):
            end = self._text.find(self._quote, self._at)
            if end < 0:
                raise ValueError("a text without end")
            text, self._at = self._text[self._at : end], end + len(self._quote)
            return text
        if self._skip("{"):
            return self.members(depth + 1)
        if self._skip("["):
            return self._list(depth + 1)
        bare = _BARE.match(self._text, self._at)
        assert bare is not None
        self._at = bare.end()
        return _scalar(bare[0].strip())

    def _list(self, depth: int) -> list[Any]:
        items: list[Any] = []
        while not self._skip("]"):
            if self._at >= len(self._text) or depth > _MAX_DEPTH:
                raise ValueError("a list without end")
            items.append(self._value(depth))
            if not self._skip(",") and not self._text.startswith("]", self._at):
                raise ValueError("a list without end")
        return items

    def _space(self) -> None:
        while self._text[self._at : self._at + 1].isspace():
            self._at += 1

    def _skip(self, text: str) -> bool:
        self._space()
        found = self._text.startswith(text, self._at)
        self._at += len(text) if found else 0
        return found


class _FreeReader(_Reader):
    """Gemma 4 does not keep to its own quotes."""

    def __init__(self, text: str, at: int, kinds: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(text, at, _QUOTE)
        self._kinds = kinds
        names = "|".join(map(re.escape, kinds))
        self._next_member = re.compile(rf',\s*"?(?:{names})"?\s*:')

    def _name(self, key: str) -> str:
        name = super()._name(key)
        return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name

    def _member(self, name: str, depth: int) -> Any:
        if depth == 0 and "string" in self._kinds.get(name, ()):
            self._space()
            if not self._text.startswith(_STRUCTURED, self._at):
                return self._bare_text()
        return self._value(depth)

    def _bare_text(self) -> Any:
        """Up to the next member that the tool knows, commas and braces included."""
        following = self._next_member.search(self._text, self._at)
        end = following.start() if following else self._text.rfind("}")
        if end < self._at:
            raise ValueError("an object without end")
        text, self._at = self._text[self._at : end].strip(), end
        return _scalar(text)

    def _value(self, depth: int) -> Any:
        quoted = _PLAIN_QUOTED.match(self._text, self._at)
        if quoted is None:
            return super()._value(depth)
        self._at = quoted.end()
        return json_value(quoted[1]) if quoted[1] else quoted[2].replace("\\'", "'")


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
    read_calls,
    thinking=("<|channel>", "<channel|>"),
    label="thought\n",
    anywhere=True,
    noise=("<tool_call|>", "<|tool_response>"),
    mend_calls=mend_calls,
)
FUNCTION = BlockForm(
    ("<start_function_call>",),
    closed_by("<end_function_call>"),
    calls_quoted_by("<escape>"),
    trim=False,
)
