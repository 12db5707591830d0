"""What every parser of model output promises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from puna.chat.events import Event


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Where an answer reasons before it says anything.

    Attributes:
        opening: tag that starts it, empty = there is none.
        closings: texts one of which comes between it and what is said.
        begun: the answer begins inside.
    """

    opening: str
    closings: tuple[str, ...]
    begun: bool


class OutputParser(Protocol):
    """Splits generated text into text, thinking and tool calls.

    Parsers are incremental: the events of a text are the same wherever it is
    cut into pieces, apart from how deltas are grouped and whether there are any
    of a call. Text is never lost: what
    turns out not to be a tag or a call comes out as content, at the latest from
    :meth:`close`.
    """

    warnings: list[str]
    """What could not be read as it was meant, in words for a person."""

    @property
    def reasoning(self) -> Reasoning | None:
        """What the answer does first; ``None`` when nothing would be read as reasoning."""
        ...

    def feed(self, text: str) -> list[Event]:
        """Events that are certain after ``text``."""
        ...

    def close(self) -> list[Event]:
        """Events for what is still held back when the answer ends."""
        ...


def overlap(text: str, tag: str) -> int:
    """Length of the longest end of ``text`` that is a proper beginning of ``tag``."""
    for size in range(min(len(text), len(tag) - 1), 0, -1):
        if text.endswith(tag[:size]):
            return size
    return 0
