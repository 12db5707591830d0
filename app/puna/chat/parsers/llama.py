"""Llama 3: ``<|python_tag|>{"name", "parameters"}`` or the bare object as the whole answer."""

from __future__ import annotations

from collections.abc import Sequence

from puna.chat.events import Event
from puna.chat.messages import Tool
from puna.chat.parsers.tagged_tools import TaggedToolParser


class LlamaParser:
    """Decides by the first character which of the two notations is used."""

    def __init__(self, tools: Sequence[Tool]) -> None:
        self._tools = tools
        self._start = ""
        self._parser: TaggedToolParser | None = None
        self.warnings: list[str] = []

    @property
    def reasoning(self) -> None:
        """There is none."""
        return None

    def feed(self, text: str) -> list[Event]:
        """Events that are certain after ``text``."""
        if self._parser is not None:
            return self._parser.feed(text)
        self._start += text
        first = self._start.lstrip()
        if not first:
            return []
        tag = "{" if first[0] == "{" else "<|python_tag|>"
        self._parser = TaggedToolParser(tag, self._tools)
        return self._parser.feed(self._start)

    def close(self) -> list[Event]:
        """An unfinished call is text."""
        if self._parser is None:
            return []
        events = self._parser.close()
        self.warnings += self._parser.warnings
        return events
