"""Identities of tool calls, and when they are told.

Source: contract ``ollama-http-api`` 4.6: with a Go template a call is told
when it is complete and its id is short, with a Jinja template all calls come
at the end and their ids are long.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable
from dataclasses import replace

from msgspec import structs

from puna.chat.events import Event, ToolCallDelta, ToolCallEvent

_SHORT = string.ascii_lowercase + string.digits
_LONG = string.ascii_letters + string.digits


class Calls:
    """The tool calls of one answer; ``only_first``: further ones are dropped."""

    def __init__(self, *, at_end: bool, only_first: bool = False) -> None:
        self._at_end = at_end
        self._only_first = only_first
        self._ids: dict[int, str] = {}
        self._held: list[Event] = []

    def passed(self, events: Iterable[Event]) -> list[Event]:
        """``events`` with ids; calls that are told at the end are kept back."""
        named = self._all_named(events)
        if not self._at_end:
            return named
        self._held += [event for event in named if isinstance(event, ToolCallEvent)]
        return [event for event in named if not isinstance(event, ToolCallEvent)]

    def closed(self, events: Iterable[Event]) -> list[Event]:
        """The last events, after those that were kept back."""
        return [*self._held, *self._all_named(events)]

    def _all_named(self, events: Iterable[Event]) -> list[Event]:
        return [self._named(event) for event in events if not self._is_further(event)]

    def _is_further(self, event: Event) -> bool:
        """A call after the only one that was wanted."""
        match event:
            case ToolCallEvent(call):
                return self._only_first and call.index > 0
            case ToolCallDelta(index):
                return self._only_first and index > 0
            case _:
                return False

    def _named(self, event: Event) -> Event:
        match event:
            case ToolCallEvent(call):
                named = structs.replace(call, id=self._id(call.index, call.id))
                return replace(event, call=named)
            case ToolCallDelta():
                return replace(event, id=self._id(event.index, event.id))
            case _:
                return event

    def _id(self, index: int, given: str) -> str:
        return self._ids.setdefault(index, given or self._new())

    def _new(self) -> str:
        if self._at_end:
            return "".join(secrets.choice(_LONG) for _ in range(32))
        return "call_" + "".join(secrets.choice(_SHORT) for _ in range(8))
