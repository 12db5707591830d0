"""Output made of messages with a header that says whom each is for.

gpt-oss (harmony) names a channel and, for calls, a recipient; Glimmer names
the recipient only. Both put ``<|message|>`` between header and body.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from puna.chat.events import Event, TextDelta, ThinkingDelta, ToolCallEvent
from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.base import Reasoning, overlap
from puna.chat.parsers.values import json_value, typed, types_of

_MESSAGE = "<|message|>"


class Body(Enum):
    """What the body of a message is."""

    TEXT = auto()
    THINKING = auto()
    CALL = auto()


@dataclass(frozen=True, slots=True)
class AddressedForm:
    """How one family addresses its messages.

    Attributes:
        ends: tags that end a body.
        tags: all tags of headers; a header that never ends is text unless it
            holds one of them.
        classify: header → kind of body and name of the tool.
        read_call: name, body, tools → call. Raises ValueError.
        headers: ends of the headers that come before what is said.
    """

    ends: tuple[str, ...]
    tags: tuple[str, ...]
    classify: Callable[[str], tuple[Body, str]]
    read_call: Callable[[str, str, Sequence[Tool]], ToolCall]
    headers: tuple[str, ...]


class AddressedParser:
    """Reads the output of one such family.

    Args:
        form: the family.
        tools: the tools that were offered.
        begins: set when the prompt already holds a header.
        silent_thinking: reasoning was not asked for and is dropped.
    """

    def __init__(
        self,
        form: AddressedForm,
        tools: Sequence[Tool],
        *,
        begins: Body | None = None,
        silent_thinking: bool = False,
    ) -> None:
        self._form = form
        self._tools = tools
        self._body = begins
        self._tool = ""
        self._held = ""
        self._calls = 0
        self._silent = silent_thinking
        self.warnings: list[str] = []
        is_said = begins is Body.TEXT
        self.reasoning = None if is_said else Reasoning("", form.headers, begun=True)

    def feed(self, text: str) -> list[Event]:
        """Events that are certain after ``text``."""
        self._held += text
        events: list[Event] = []
        while True:
            before = (self._body, self._held)
            events += self._header() if self._body is None else self._content()
            if (self._body, self._held) == before:
                return events

    def close(self) -> list[Event]:
        """What is held back; a call that cannot be read is text."""
        held, self._held = self._held, ""
        if self._body is None:
            junk = not held.strip() or any(tag in held for tag in self._form.tags)
            return [] if junk else [TextDelta(held)]
        return self._emit(held)

    def _header(self) -> list[Event]:
        header, found, rest = self._held.partition(_MESSAGE)
        if found:
            self._body, self._tool = self._form.classify(header)
            self._held = rest
        return []

    def _content(self) -> list[Event]:
        found = [(self._held.find(tag), tag) for tag in self._form.ends if tag in self._held]
        if found:
            at, tag = min(found)
            text, self._held = self._held[:at], self._held[at + len(tag) :]
            events = self._emit(text)
            self._body = None
            return events
        if self._body is Body.CALL:
            return []
        keep = max(overlap(self._held, tag) for tag in self._form.ends)
        text = self._held[: len(self._held) - keep]
        self._held = self._held[len(text) :]
        return self._emit(text)

    def _emit(self, text: str) -> list[Event]:
        if self._body is Body.CALL:
            return [self._call(text)]
        if not text or (self._body is Body.THINKING and self._silent):
            return []
        return [ThinkingDelta(text) if self._body is Body.THINKING else TextDelta(text)]

    def _call(self, text: str) -> Event:
        try:
            call = self._form.read_call(self._tool, text, self._tools)
        except ValueError as error:
            self.warnings.append(f"a tool call could not be read: {error}")
            return TextDelta(text)
        self._calls += 1
        return ToolCallEvent(ToolCall(call.name, call.arguments, call.id, self._calls - 1))


# ---------------------------------------------------------------- harmony

_CHANNEL = re.compile(r"<\|channel\|>\s*([^\s<]*)")
_RECIPIENT = re.compile(r"\bto=([^\s<]+)")


def _harmony(header: str) -> tuple[Body, str]:
    header = header.rpartition("<|start|>")[2]
    recipient = _RECIPIENT.search(header)
    if recipient:
        return Body.CALL, recipient[1].removeprefix("functions.")
    channel = _CHANNEL.search(header)
    return (Body.THINKING if channel and channel[1] == "analysis" else Body.TEXT), ""


def _harmony_call(name: str, text: str, tools: Sequence[Tool]) -> ToolCall:
    arguments = json_value(text.strip() or "{}")
    if not isinstance(arguments, dict):
        raise ValueError("arguments must be an object")
    return ToolCall(_offered(name, tools), arguments)


def _offered(name: str, tools: Sequence[Tool]) -> str:
    """The offered name; gpt-oss is shown names with ``_`` for what it does not allow."""
    names = [tool.name for tool in tools]
    if name in names:
        return name
    return next((offered for offered in names if re.sub(r"\W", "_", offered) == name), name)


HARMONY = AddressedForm(
    ends=("<|end|>",),
    tags=("<|start|>", "<|channel|>", "<|end|>", "<|constrain|>"),
    classify=_harmony,
    read_call=_harmony_call,
    headers=tuple(
        f"<|channel|>final{form}<|message|>"
        for form in ("", " ", " <|constrain|>json", " <|constrain|>JSON", "<|constrain|>json")
    ),
)

# ---------------------------------------------------------------- glimmer

_INVOKE = re.compile(r'<atem:invoke name="([^"]*)">(.*?)</atem:invoke>', re.DOTALL)
_ATEM = re.compile(r'<atem:parameter name="([^"]*)">(.*?)</atem:parameter>', re.DOTALL)
_WRAPPER = re.compile(r"<atem:function_calls>(.*)</atem:function_calls>", re.DOTALL)


def _glimmer(header: str) -> tuple[Body, str]:
    recipient = _RECIPIENT.search(header)
    name = recipient[1] if recipient else "user"
    if name in ("user", "self"):
        return (Body.THINKING if name == "self" else Body.TEXT), ""
    return Body.CALL, name


def _glimmer_call(name: str, text: str, tools: Sequence[Tool]) -> ToolCall:
    wrapper = _WRAPPER.search(text)
    invoke = _INVOKE.search(wrapper[1]) if wrapper else None
    if invoke is None or not tools:
        raise ValueError("no call in the message")
    kinds = types_of(tools, invoke[1])
    arguments = {key: typed(value, kinds.get(key, ())) for key, value in _ATEM.findall(invoke[2])}
    return ToolCall(invoke[1], arguments)


GLIMMER = AddressedForm(
    ends=("<|eom|>", "<|eot|>"),
    tags=("<|start|>",),
    classify=_glimmer,
    read_call=_glimmer_call,
    headers=("to=user<|message|>", "assistant<|message|>"),
)
