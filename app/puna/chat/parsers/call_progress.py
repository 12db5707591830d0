"""Arguments of a tool call while the model writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from puna.chat.events import ToolCallDelta
from puna.chat.messages import Tool

_TEXT = r'"((?:[^"\\]|\\.)*)"'
_BEGINNINGS = (
    re.compile(r'\{\s*"name"\s*:\s*' + _TEXT + r'\s*,\s*"(?:arguments|parameters)"\s*:\s*(?=\{)'),
    re.compile(r"\A\s*([^\s\[{]+)(?:\[CALL_ID\][^\[]*)?\[ARGS\]\s*(?=\{)"),
)

_LONGEST_HEAD = 4096
"""Characters; a call that has not named its function by then is told of when it is complete."""


class CallProgress:
    """Tells of one call what is new in its text.

    Nothing is told of a call whose arguments are complete as soon as they can be
    read: then the call itself says it all. What is told is the model's own text
    without the white space between its parts; all pieces together are JSON.
    """

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._names = {tool.name for tool in tools if tool.name}
        self.forget()

    def forget(self) -> None:
        """The next text is of another call."""
        self._name = ""
        self._at = -1
        self._begun = False
        self._closed = False
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def advance(self, text: str, index: int) -> list[ToolCallDelta]:
        """The news in ``text``, which is all that was written of call ``index`` so far."""
        if self._closed or (self._at < 0 and not self._find(text)):
            return []
        begun = self._begun
        piece = self._read(text)
        if not piece or self._is_whole_at_once(begun):
            return []
        self._begun = True
        found = [] if begun else [ToolCallDelta(index, "", self._name, "")]
        return [*found, ToolCallDelta(index, "", self._name, piece)]

    def _is_whole_at_once(self, begun: bool) -> bool:
        """Nothing was told yet and there is nothing more to come."""
        return self._closed and not begun

    def rest(self, text: str, index: int) -> list[ToolCallDelta]:
        """The end of what :meth:`advance` has begun to tell."""
        return self.advance(text, index) if self._begun else []

    def _find(self, text: str) -> bool:
        if len(text) > _LONGEST_HEAD:
            return False
        for beginning in _BEGINNINGS:
            match = beginning.search(text)
            if match is not None and (name := _unescaped(match[1])) in self._names:
                self._name, self._at = name, match.end()
                return True
        return False

    def _read(self, text: str) -> str:
        """What is new of the arguments; stops at their end."""
        piece: list[str] = []
        while self._at < len(text) and not self._closed:
            char = text[self._at]
            self._at += 1
            self._step(char)
            if self._in_string or not char.isspace():
                piece.append(char)
            self._closed = self._depth == 0
        return "".join(piece)

    def _step(self, char: str) -> None:
        if self._escaped:
            self._escaped = False
        elif char == "\\":
            self._escaped = self._in_string
        elif char == '"':
            self._in_string = not self._in_string
        elif not self._in_string and char in "{}":
            self._depth += 1 if char == "{" else -1


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return text
