"""An answer while it arrives: text and thoughts, what of them is new, and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from puna.gui.chat.records import Message, State, Stats, stats_from


class Answer:
    """Collects the lines of one answer.

    Args:
        message: the message it fills; what that holds already is what the answer begins with.
        started: monotonic time of sending, s.

    Attributes:
        prompt: tokens of the prompt that are read, and all of them; zeros while not told.
    """

    def __init__(self, message: Message, started: float) -> None:
        self._message = message
        self._started = started
        self.prompt = (0, 0)
        self._text = [message.content] if message.content else []
        self._thoughts = [message.thinking] if message.thinking else []
        self._told = (len(self._thoughts), len(self._text))
        self._first: float | None = None
        self._first_text: float | None = None
        self._stats: Stats | None = None

    @property
    def is_whole(self) -> bool:
        """The last line has come."""
        return self._stats is not None

    def take(self, line: Mapping[str, Any], now: float) -> None:
        """Add one line of ``POST /api/chat``."""
        progress = line.get("prompt_progress")
        if progress:
            self.prompt = (int(progress["processed"]), int(progress["total"]))
        message = line.get("message") or {}
        text, thought = message.get("content") or "", message.get("thinking") or ""
        if (text or thought) and self._first is None:
            self._first = now
        if text and self._first_text is None:
            self._first_text = now
        if text:
            self._text.append(text)
        if thought:
            self._thoughts.append(thought)
        if line.get("done"):
            told = stats_from(line, self._first_token(now), self._thinking(now))
            self._stats = told.after(self._message.stats)

    def fresh(self) -> tuple[str, str]:
        """Thoughts and text that were not returned before."""
        thoughts, text = self._thoughts[self._told[0] :], self._text[self._told[1] :]
        self._told = len(self._thoughts), len(self._text)
        return "".join(thoughts), "".join(text)

    def message(self, state: State) -> Message:
        """The message as it is now."""
        return replace(
            self._message,
            content="".join(self._text),
            thinking="".join(self._thoughts),
            state=state,
            stats=self._stats or Stats(),
        )

    def _first_token(self, now: float) -> float:
        return (now if self._first is None else self._first) - self._started

    def _thinking(self, now: float) -> float:
        if not self._thoughts or self._first is None:
            return 0.0
        return (now if self._first_text is None else self._first_text) - self._first
