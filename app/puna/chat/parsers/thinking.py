"""Splits reasoning between two tags from the answer.

The opening tag counts only at the start of the output; white space before it,
after it and after the closing tag is dropped.

Source: ``ollama-http-api`` contract 4.4.
"""

from __future__ import annotations

from enum import Enum, auto

from puna.chat.events import Event, TextDelta, ThinkingDelta
from puna.chat.parsers.base import Reasoning, overlap


class _State(Enum):
    START = auto()
    BEFORE_THOUGHT = auto()
    THOUGHT = auto()
    BEFORE_TEXT = auto()
    TEXT = auto()


class ThinkingParser:
    """Text and thinking of an answer.

    Args:
        opening: tag that starts the reasoning.
        closing: tag that ends it.
        inside: the prompt already ended with the opening tag.
    """

    def __init__(self, opening: str, closing: str, *, inside: bool = False) -> None:
        self._opening = opening
        self._closing = closing
        self._state = _State.BEFORE_THOUGHT if inside else _State.START
        self._held = ""
        self.warnings: list[str] = []
        self.reasoning = Reasoning(opening, (closing,), begun=inside)

    def feed(self, text: str) -> list[Event]:
        """Events that are certain after ``text``."""
        self._held += text
        events: list[Event] = []
        while True:
            before = (self._state, self._held)
            events += self._step()
            if (self._state, self._held) == before or not self._held:
                return events

    def close(self) -> list[Event]:
        """A tag that never became whole is text; lone white space is dropped."""
        held, self._held = self._held, ""
        if not held.strip():
            return []
        if self._state is _State.THOUGHT:
            return [ThinkingDelta(held)]
        return [TextDelta(held)]

    def _step(self) -> list[Event]:
        match self._state:
            case _State.START:
                return self._start()
            case _State.BEFORE_THOUGHT:
                self._skip_space(_State.THOUGHT)
                return []
            case _State.THOUGHT:
                return self._thought()
            case _State.BEFORE_TEXT:
                self._skip_space(_State.TEXT)
                return []
            case _State.TEXT:
                text, self._held = self._held, ""
                return [TextDelta(text)] if text else []

    def _start(self) -> list[Event]:
        trimmed = self._held.lstrip()
        if trimmed.startswith(self._opening):
            self._state = _State.BEFORE_THOUGHT
            self._held = trimmed[len(self._opening) :]
        elif not self._opening.startswith(trimmed):
            self._state = _State.TEXT
        return []

    def _thought(self) -> list[Event]:
        thought, found, rest = self._held.partition(self._closing)
        if found:
            self._state, self._held = _State.BEFORE_TEXT, rest
        else:
            keep = overlap(thought, self._closing)
            thought, self._held = thought[: len(thought) - keep], thought[len(thought) - keep :]
        return [ThinkingDelta(thought)] if thought else []

    def _skip_space(self, following: _State) -> None:
        self._held = self._held.lstrip()
        if self._held:
            self._state = following
