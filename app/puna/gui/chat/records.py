"""What a conversation is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

NANO = 1e9


class State(Enum):
    """How a message came to its end."""

    DONE = "done"
    WRITING = "writing"
    STOPPED = "stopped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Stats:
    """Measures of one answer. Durations in s.

    Attributes:
        first_token: from sending to the first text, as seen here.
        load: of the model.
        reading: of the prompt.
        writing: of the answer.
        thinking: from the first thought to the first text of the answer.
        reason: why the model stopped: ``stop``, ``length`` …
        dropped: messages at the beginning that no longer fitted the context.
        cut: whether the prompt was shortened in any way.
    """

    first_token: float = 0.0
    load: float = 0.0
    reading: float = 0.0
    writing: float = 0.0
    thinking: float = 0.0
    prompt_tokens: int = 0
    tokens: int = 0
    reason: str = ""
    dropped: int = 0
    cut: bool = False

    @property
    def speed(self) -> float:
        """Tokens per s of the answer; 0 when nothing was measured."""
        return self.tokens / self.writing if self.writing > 0 else 0.0

    def after(self, earlier: Stats) -> Stats:
        """Measures of an answer that was written in two goes, of which these are the second's."""
        return replace(
            self,
            writing=earlier.writing + self.writing,
            thinking=earlier.thinking or self.thinking,
            tokens=earlier.tokens + self.tokens,
        )


@dataclass(frozen=True, slots=True)
class Message:
    """One message; ``parent`` is the one it answers, so edits make branches.

    Attributes:
        images: base64 text of each picture.
        error: why it failed, in words for the user.
        siblings: ids of all messages with the same parent, itself included, oldest first.
    """

    id: int
    parent: int
    role: str
    content: str = ""
    thinking: str = ""
    images: tuple[str, ...] = ()
    model: str = ""
    state: State = State.DONE
    error: str = ""
    stats: Stats = field(default_factory=Stats)
    siblings: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Chat:
    """One conversation without its messages.

    Attributes:
        options: generation options that differ from the model's own, by name.
        leaf: id of the last message of the branch in view, 0 = none.
        updated: seconds since the epoch.
    """

    id: int
    title: str
    model: str = ""
    system: str = ""
    draft: str = ""
    leaf: int = 0
    updated: float = 0.0
    options: Mapping[str, float] = field(default_factory=dict)


def stats_from(line: Mapping[str, Any], first_token: float, thinking: float) -> Stats:
    """Measures of the last line of an answer; its durations are in ns."""
    return Stats(
        first_token=first_token,
        load=line.get("load_duration", 0) / NANO,
        reading=line.get("prompt_eval_duration", 0) / NANO,
        writing=line.get("eval_duration", 0) / NANO,
        thinking=thinking,
        prompt_tokens=line.get("prompt_eval_count", 0),
        tokens=line.get("eval_count", 0),
        reason=line.get("done_reason", ""),
        dropped=line.get("dropped_messages", 0),
        cut="prompt_tokens_total" in line,
    )


def title_of(text: str) -> str:
    """A title for a chat that begins with ``text``: its first line, at most 60 characters."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= 60 else line[:59].rstrip() + "…"
