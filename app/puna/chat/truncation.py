"""Which messages to leave out so that a prompt fits.

System messages and the last message always stay; the oldest others go first,
whole. The result is never shorter than it must be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from puna.chat.messages import Message
from puna.errors import TemplateError

Count = Callable[[Sequence[Message]], int]
"""Tokens of the prompt of these messages; may raise TemplateError."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The messages that remain.

    Attributes:
        dropped: how many were left out.
        tokens: length of the prompt now; over the limit when nothing helps.
        total: its length before anything was left out.
    """

    messages: tuple[Message, ...]
    dropped: int
    tokens: int
    total: int


def fit(
    messages: Sequence[Message], count: Count, limit: int, *, whole_turns: bool = False
) -> Fitted:
    """Leave out as few of the oldest messages as needed.

    Args:
        messages: the conversation.
        count: tokens of a prompt.
        limit: tokens that fit.
        whole_turns: start with a user message if that fits; templates that
            insist on alternating roles accept nothing else.

    Raises:
        TemplateError: the whole conversation does not render.
    """
    total = count(messages)
    if total <= limit or len(messages) < 2:
        return Fitted(tuple(messages), 0, total, total)
    best = Fitted(tuple(messages), 0, total, total)
    for starts in _starts(messages, whole_turns=whole_turns):
        found = _first_that_fits(messages, starts, count, limit, total)
        if found is not None and found.tokens <= limit:
            return found
        best = found or best
    return best


def _starts(messages: Sequence[Message], *, whole_turns: bool) -> Iterator[list[int]]:
    """Where the remaining conversation may start, in groups of falling preference."""
    everywhere = list(range(1, len(messages)))
    if whole_turns:
        turns = [place for place in everywhere if messages[place].role == "user"]
        if turns:
            yield turns
        everywhere = [place for place in everywhere if messages[place].role != "tool"]
        everywhere = [place for place in everywhere if not turns or place > turns[-1]]
    if everywhere:
        yield everywhere


def _first_that_fits(
    messages: Sequence[Message], starts: Sequence[int], count: Count, limit: int, total: int
) -> Fitted | None:
    """The earliest start whose prompt fits, else the shortest prompt that renders.

    Later starts give shorter prompts, so a binary search finds it.
    """
    low, high = 0, len(starts) - 1
    best: Fitted | None = None
    shortest: Fitted | None = None
    while low <= high:
        middle = (low + high) // 2
        found = _from(messages, starts[middle], count, total)
        if found is not None and found.tokens <= limit:
            best, high = found, middle - 1
        else:
            low = middle + 1
            shortest = found or shortest
    return best or shortest


def _from(messages: Sequence[Message], start: int, count: Count, total: int) -> Fitted | None:
    kept = [message for message in messages[:start] if message.role == "system"]
    remaining = (*kept, *messages[start:])
    try:
        tokens = count(remaining)
    except TemplateError:
        return None
    return Fitted(remaining, len(messages) - len(remaining), tokens, total)
