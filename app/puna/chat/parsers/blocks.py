"""Output made of text, reasoning between tags, and blocks of tool calls between tags.

Most families write this way and differ in the tags, in the notation of a call
and in where white space matters. A family is a :class:`BlockForm`;
:class:`BlockParser` reads any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from puna.chat.events import Event, TextDelta, ThinkingDelta, ToolCallEvent
from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.base import Reasoning, overlap
from puna.chat.parsers.call_progress import CallProgress

ReadCalls = Callable[[str, Sequence[Tool]], list[ToolCall]]
"""Calls in the body of a block. Raises ValueError when it cannot be read."""

FindEnd = Callable[[str], tuple[int, int] | None]
"""Where the body of a block ends and what follows it starts; None = not yet."""


class Start(Enum):
    """Where the answer begins."""

    TEXT = auto()
    THINKING = auto()


@dataclass(frozen=True, slots=True)
class BlockForm:
    """How one family writes.

    Attributes:
        call_tags: texts that open a block of calls.
        find_end: makes what finds the end of one such block, which is asked anew as it grows.
        read_calls: reads its body.
        thinking: tags of reasoning, None = the family has none.
        label: a word behind the opening tag that names what follows; it may be missing.
        start: where an answer begins.
        reopened: an opening thinking tag at the start is dropped even when the
            answer begins inside the reasoning.
        anywhere: reasoning may also begin in the middle of the text.
        call_ends_thinking: a call inside reasoning ends it.
        trim: white space around blocks and at the end is dropped; otherwise only
            one newline at the start of the reasoning and one after it are.
        silent_thinking: reasoning was not asked for and is dropped.
        dropped: tags without a meaning of their own.
        noise: tags without a meaning right after a call.
        prelude: tags without a meaning before the text an answer begins with, where
            white space has none either; None = it has.
        mend_calls: reads the body of a block that has its end when ``read_calls``
            cannot. A block that was broken off is never mended: half an argument
            must not look like a whole one.
    """

    call_tags: tuple[str, ...]
    find_end: Callable[[], FindEnd]
    read_calls: ReadCalls
    thinking: tuple[str, str] | None = None
    label: str = ""
    start: Start = Start.TEXT
    reopened: bool = True
    anywhere: bool = False
    call_ends_thinking: bool = True
    trim: bool = True
    silent_thinking: bool = False
    dropped: tuple[str, ...] = ()
    noise: tuple[str, ...] = ()
    prelude: tuple[str, ...] | None = None
    mend_calls: ReadCalls | None = None


def closed_by(*tags: str) -> Callable[[], FindEnd]:
    """A block that ends at the first of ``tags``."""

    def find(body: str) -> tuple[int, int] | None:
        found = [(body.find(tag), len(tag)) for tag in tags if tag in body]
        if not found:
            return None
        at, size = min(found)
        return at, at + size

    return lambda: find


class _State(Enum):
    START = auto()
    TEXT = auto()
    THINKING = auto()
    CALLS = auto()


class BlockParser:
    """Reads the output of one family."""

    def __init__(self, form: BlockForm, tools: Sequence[Tool]) -> None:
        self._form = form
        self._tools = tools
        self._held = ""
        self._state = _State.START
        self._opened = ""
        self._calls = 0
        self._progress = CallProgress(tools)
        self._find_end = form.find_end()
        has_prelude = form.start is Start.TEXT and form.prelude is not None
        self._skip_space = has_prelude
        self._skip_newline = False
        self._label = ""
        self._noise = (form.prelude or ()) if has_prelude else ()
        self.warnings: list[str] = []
        self.reasoning = _reasoning(form)

    def feed(self, text: str) -> list[Event]:
        """Events that are certain after ``text``."""
        self._held += text
        events: list[Event] = []
        while True:
            before = (self._state, self._held)
            events += self._step()
            if (self._state, self._held) in (before, (_State.TEXT, "")):
                return events

    def close(self) -> list[Event]:
        """What is held back; a block that cannot be read is text."""
        events = self._start(final=True) if self._state is _State.START else []
        events += self.feed("")
        held, self._held = self._held, ""
        match self._state:
            case _State.CALLS:
                return events + self._read(held, whole=self._opened + held, closed=False)
            case _State.THINKING:
                return events + self._thought(held.rstrip() if self._form.trim else held)
            case _:
                rest = held.rstrip() if self._form.trim else held
                return [*events, TextDelta(rest)] if rest else events

    def _step(self) -> list[Event]:
        if self._skip_space and self._state is not _State.CALLS:
            self._held = self._without_noise()
            if not self._held or any(tag.startswith(self._held) for tag in self._noise):
                return []
            self._skip_space = False
            self._noise = ()
        if self._skip_newline and self._held:
            self._held = self._held.removeprefix("\n")
            self._skip_newline = False
        match self._state:
            case _State.START:
                return self._start()
            case _State.TEXT:
                return self._text()
            case _State.THINKING:
                return self._thinking()
            case _State.CALLS:
                return self._block()

    # ------------------------------------------------------------ states

    def _start(self, *, final: bool = False) -> list[Event]:
        """Decide whether the answer begins with reasoning."""
        thinking = self._form.thinking
        inside = self._form.start is Start.THINKING
        if thinking is None or (inside and not self._form.reopened):
            self._state = _State.THINKING if inside and thinking else _State.TEXT
            return []
        trimmed = self._held.lstrip()
        if trimmed.startswith(thinking[0]):
            self._held = trimmed[len(thinking[0]) :]
            self._enter_thinking()
        elif final or not thinking[0].startswith(trimmed):
            if inside:
                self._enter_thinking()
            else:
                self._state = _State.TEXT
        return []

    def _text(self) -> list[Event]:
        tags = [*self._form.call_tags, *self._form.dropped]
        if self._form.anywhere and self._form.thinking:
            tags.append(self._form.thinking[0])
        text, tag = self._until(tags)
        space = ""
        if tag and self._form.trim and tag not in self._form.dropped:
            text, space = text.rstrip(), text[len(text.rstrip()) :]
        if tag in self._form.call_tags:
            self._enter_calls(space + tag)
        elif self._form.thinking and tag == self._form.thinking[0]:
            self._enter_thinking()
        return [TextDelta(text)] if text else []

    def _thinking(self) -> list[Event]:
        assert self._form.thinking is not None
        if self._label:
            if len(self._held) < len(self._label) and self._label.startswith(self._held):
                return []
            label, self._label = self._label, ""
            if self._held.startswith(label):
                self._held = self._held.removeprefix(label)
                self._skip_after_tag()
                return []
        closing = self._form.thinking[1]
        calls = self._form.call_tags if self._form.call_ends_thinking else ()
        text, tag = self._until([closing, *calls])
        if tag and self._form.trim:
            text = text.rstrip()
        if tag == closing:
            self._state = _State.TEXT
            self._skip_after_tag()
        elif tag:
            self._enter_calls(tag)
        return self._thought(text)

    def _block(self) -> list[Event]:
        found = self._find_end(self._held)
        if found is None:
            return list(self._progress.advance(self._held, self._calls))
        end, following = found
        last = self._progress.rest(self._held[:end], self._calls)
        body, self._held, whole = (
            self._held[:end],
            self._held[following:],
            self._opened + self._held[:following],
        )
        self._state = _State.TEXT
        self._skip_space = self._form.trim or bool(self._form.noise)
        return [*last, *self._read(body, whole=whole, closed=True)]

    # ------------------------------------------------------------ parts

    def _until(self, tags: list[str]) -> tuple[str, str]:
        """Text before the first of ``tags`` and that tag; holds back what may become one."""
        found = [(self._held.find(tag), -len(tag), tag) for tag in tags if tag in self._held]
        if found:
            at, _, tag = min(found)
            text, self._held = self._held[:at], self._held[at + len(tag) :]
            return text, tag
        keep = max((overlap(self._held, tag) for tag in tags), default=0)
        text = self._held[: len(self._held) - keep]
        if self._form.trim:
            text = text.rstrip()
        self._held = self._held[len(text) :]
        return text, ""

    def _without_noise(self) -> str:
        held = self._held.lstrip()
        while tag := next((tag for tag in self._noise if held.startswith(tag)), ""):
            held = held[len(tag) :].lstrip()
        return held

    def _read(self, body: str, *, whole: str, closed: bool) -> list[Event]:
        try:
            calls = self._form.read_calls(body, self._tools)
        except ValueError as error:
            calls = self._mended(body) if closed else []
            if not calls:
                self.warnings.append(f"a tool call could not be read: {error}")
        if not calls:
            return [TextDelta(whole)]
        self._noise = self._form.noise
        first = self._calls
        self._calls += len(calls)
        return [
            ToolCallEvent(ToolCall(call.name, call.arguments, call.id, first + number))
            for number, call in enumerate(calls)
        ]

    def _mended(self, body: str) -> list[ToolCall]:
        if self._form.mend_calls is None:
            return []
        try:
            calls = self._form.mend_calls(body, self._tools)
        except ValueError:
            return []
        self.warnings.append("a damaged tool call was mended")
        return calls

    def _thought(self, text: str) -> list[Event]:
        if not text or self._form.silent_thinking:
            return []
        return [ThinkingDelta(text)]

    def _enter_thinking(self) -> None:
        self._state = _State.THINKING
        self._label = self._form.label
        self._skip_after_tag()

    def _skip_after_tag(self) -> None:
        self._skip_space = self._form.trim
        self._skip_newline = not self._form.trim

    def _enter_calls(self, opened: str) -> None:
        """``opened`` comes back if the block turns out to be no call."""
        self._state = _State.CALLS
        self._opened = opened
        self._find_end = self._form.find_end()
        self._progress.forget()


def _reasoning(form: BlockForm) -> Reasoning | None:
    """An answer that would have to start what nobody sees does better without it."""
    begun = form.start is Start.THINKING
    if form.thinking is None or (form.silent_thinking and not begun):
        return None
    opening, closing = form.thinking
    return Reasoning(opening, (closing,), begun)


def without_thinking(form: BlockForm) -> BlockForm:
    """The form of an answer whose thinking tags are plain text."""
    return replace(form, thinking=None, start=Start.TEXT)
