"""Tool calls of models whose template shows how a call begins.

A call is a known tool name and a JSON object, in any order, after the tag. The
tags ``{`` and ``[`` count only as the first visible output.

Source: ``ollama-http-api`` contract 4.6, rendered path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from puna.chat.events import Event, TextDelta, ToolCallEvent
from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.base import overlap
from puna.chat.parsers.call_progress import CallProgress
from puna.chat.parsers.values import json_value

_BRACKETS = {"{": "}", "[": "]"}


class TaggedToolParser:
    """Text and tool calls of an answer.

    Args:
        tag: what announces a call.
        tools: the tools that may be called.
    """

    def __init__(self, tag: str, tools: Sequence[Tool]) -> None:
        self._tag = tag
        self._names = [tool.name for tool in tools if tool.name]
        self._held = ""
        self._calling = False
        self._plain = not self._names
        self._objects = _ObjectScanner()
        self._progress = CallProgress(tools)
        self._calls = 0
        self.warnings: list[str] = []

    @property
    def reasoning(self) -> None:
        """There is none."""
        return None

    def feed(self, text: str) -> list[Event]:
        """Events that are certain after ``text``."""
        if self._plain:
            return [TextDelta(text)] if text else []
        if self._calling:
            return self._feed_calls(text)
        self._held += text
        before, found, rest = self._held.partition(self._tag)
        if not found:
            keep = overlap(before, self._tag)
            before, rest = before[: len(before) - keep], before[len(before) - keep :]
        if self._tag in _BRACKETS and before.strip():
            self._plain, self._held, held = True, "", self._held
            return [TextDelta(held)]
        events: list[Event] = [TextDelta(before)] if before else []
        self._held = rest
        if found:
            self._calling, self._held = True, ""
            events += self._feed_calls(self._tag + rest)
        return events

    def close(self) -> list[Event]:
        """An unfinished call is text, so that nothing the model said is lost."""
        held, self._held = self._held, ""
        if not held or self._calls:
            return []
        if self._calling:
            self.warnings.append("an unfinished tool call was left as text")
        return [TextDelta(held)]

    def _feed_calls(self, text: str) -> list[Event]:
        events: list[Event] = []
        for at, char in enumerate(text):
            self._held += char
            self._objects.feed(char)
            events += self._call()
            if self._objects.closed(self._tag):
                rest, self._held = self._held + text[at + 1 :], ""
                self._plain = True
                return [*events, TextDelta(rest)] if rest else events
        return [*events, *self._progress.advance(self._held, self._calls)]

    def _call(self) -> list[Event]:
        if not self._objects.complete:
            return []
        name = self._name()
        if name is None:
            return []
        for end, data in self._objects.complete:
            arguments = _arguments(data, name)
            if arguments is not None:
                told = self._progress.rest(self._held, self._calls)
                self._progress.forget()
                called = data.get("name")
                if called in self._names:
                    # An earlier name without arguments of its own must not get these.
                    name = str(called)
                call = ToolCall(name=name, arguments=arguments, index=self._calls)
                self._calls += 1
                stop = max(end, self._held.find(name) + len(name))
                self._held = self._held[stop:]
                self._objects.forget(stop)
                return [*told, ToolCallEvent(call)]
        return []

    def _name(self) -> str | None:
        """The first tool name in the text; the longest of those at one place."""
        if any(overlap(self._held, name) for name in self._names):
            return None
        found = [(self._held.find(name), -len(name), name) for name in self._names]
        return min((item for item in found if item[0] >= 0), default=(0, 0, None))[2]


class _ObjectScanner:
    """Finds complete JSON objects in text that arrives character by character."""

    def __init__(self) -> None:
        self.complete: list[tuple[int, Mapping[str, Any]]] = []
        self._text: list[str] = []
        self._start = -1
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self._open = dict.fromkeys(_BRACKETS, 0)
        self._ever = dict.fromkeys(_BRACKETS, False)

    def feed(self, char: str) -> None:
        self._text.append(char)
        if self._quotes(char):
            return
        self._count(char)
        if char == "{":
            if self._depth == 0:
                self._start = len(self._text) - 1
            self._depth += 1
        elif char == "}" and self._depth:
            self._depth -= 1
            if self._depth == 0:
                self._finish()

    def closed(self, tag: str) -> bool:
        """The bracket that is the tag has been closed again."""
        return tag in _BRACKETS and self._ever[tag] and self._open[tag] == 0

    def forget(self, count: int) -> None:
        """Drop the first ``count`` characters: they belong to a call."""
        del self._text[:count]
        self.complete = [(end - count, data) for end, data in self.complete if end > count]
        self._start = max(self._start - count, -1)
        self._open = dict.fromkeys(_BRACKETS, 0)
        self._ever = dict.fromkeys(_BRACKETS, False)
        self._in_string = self._escaped = False
        for char in self._text:
            if not self._quotes(char):
                self._count(char)

    def _quotes(self, char: str) -> bool:
        """Whether the character belongs to a string, its quotes included."""
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = True
        elif char == '"':
            self._in_string = not self._in_string
            return True
        return self._in_string

    def _count(self, char: str) -> None:
        for opening, closing in _BRACKETS.items():
            if char == opening:
                self._open[opening] += 1
                self._ever[opening] = True
            elif char == closing:
                self._open[opening] -= 1

    def _finish(self) -> None:
        try:
            data = json_value("".join(self._text[self._start :]))
        except ValueError:
            return
        if isinstance(data, dict):
            self.complete.append((len(self._text), data))


def _arguments(data: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """The arguments in an object that describes a call of ``name``, else the object."""
    found, arguments = _described(data, name)
    return arguments if found else data


def _described(data: Mapping[str, Any], name: str) -> tuple[bool, Mapping[str, Any] | None]:
    if "name" in data:
        for key in ("arguments", "parameters"):
            value = _object(data.get(key))
            if value is not None:
                return True, value
        return True, None
    value = _object(data.get(name))
    if value is not None:
        return True, value
    for child in data.values():
        for item in child if isinstance(child, list) else [child]:
            if isinstance(item, dict):
                found, arguments = _described(item, name)
                if found:
                    return True, arguments
    return False, None


def _object(value: object) -> Mapping[str, Any] | None:
    """A JSON object, also when it came as the text of one."""
    if isinstance(value, str):
        try:
            value = json_value(value)
        except ValueError:
            return None
    return value if isinstance(value, dict) else None
