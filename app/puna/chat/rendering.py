"""Conversation → prompt, ready for the tokeniser.

The one entry for whoever has a vocabulary: :func:`render` guards what users
wrote, puts image markers in, runs the template and cuts the result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

import msgspec

from puna.chat.guard import Guard, Segment
from puna.chat.messages import Message, Think, Tool, ToolCall
from puna.chat.renderers import go, jinja
from puna.chat.templates import sought_tags
from puna.errors import TemplateError

Kind = Literal["jinja", "go"]

_UNGUARDED = Guard()


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What a rendering needs to know of a model.

    Attributes:
        guard: its control tokens.
        bos: text of the token at the begin of a prompt, empty = none.
        eos: text of the token at its end.
    """

    guard: Guard = _UNGUARDED
    bos: str = ""
    eos: str = ""


PLAIN = Vocabulary()
"""No control tokens: for prompts that are only shown."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """What is rendered.

    Attributes:
        kind: language of ``source``; ``jinja`` with an empty one is ChatML.
        suffix: text after the gap; the last message is the text before it.
        prefill: the last message is an assistant's and is to be continued.
        extra: further variables for a Jinja template.
    """

    kind: Kind
    source: str
    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    think: Think | None = None
    suffix: str = ""
    prefill: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt.

    Attributes:
        text: as people read it, images as ``[img-N]``.
        segments: the same text in pieces for the tokeniser.
        images: in the order of their numbers.
    """

    text: str
    segments: tuple[Segment, ...]
    images: tuple[bytes, ...]


def render(conversation: Conversation, now: datetime, vocabulary: Vocabulary = PLAIN) -> Rendered:
    """Render a conversation.

    Args:
        conversation: messages, tools and the template.
        now: local time, for templates that print the date.
        vocabulary: whose control tokens are kept apart from users' text.

    Raises:
        TemplateError: the template does not parse, fails or takes too much.
    """
    try:
        return _render(conversation, now, vocabulary)
    except RecursionError:
        raise TemplateError("the conversation is nested too deeply") from None


def _render(conversation: Conversation, now: datetime, vocabulary: Vocabulary) -> Rendered:
    guard = vocabulary.guard
    images: list[bytes] = []
    answers = guard.without(_tags_in_answers(conversation))
    messages = [
        _guarded(message, answers if message.role == "assistant" else guard, images)
        for message in conversation.messages
    ]
    tools = [Tool(guard.data(tool.raw)) for tool in conversation.tools]
    if conversation.kind == "go":
        values = _go_values(conversation, messages, tools, guard)
        text = go.render(go.load(conversation.source), values, now)
    else:
        variables = jinja.Variables(
            messages,
            tools,
            conversation.think,
            conversation.prefill,
            vocabulary.bos,
            vocabulary.eos,
            conversation.extra,
        )
        text = jinja.render(conversation.source, variables, now)
    segments = guard.segments(text, len(images))
    return Rendered("".join(part.text for part in segments), segments, tuple(images))


def _tags_in_answers(conversation: Conversation) -> frozenset[str]:
    """Tags that the template must be able to find in what the model said itself."""
    return sought_tags(conversation.source) if conversation.kind == "jinja" else frozenset()


def _go_values(
    conversation: Conversation, messages: Sequence[Message], tools: Sequence[Tool], guard: Guard
) -> go.Values:
    prompt = ""
    if conversation.suffix and messages:
        prompt = messages[-1].content
    return go.Values(
        messages, tools or None, prompt, guard.text(conversation.suffix), conversation.think
    )


def _guarded(message: Message, guard: Guard, images: list[bytes]) -> Message:
    return msgspec.structs.replace(
        message,
        content=_with_markers(message, guard, images),
        thinking=guard.text(message.thinking),
        tool_calls=tuple(_guarded_call(call, guard) for call in message.tool_calls),
        tool_name=guard.text(message.tool_name),
        tool_call_id=guard.text(message.tool_call_id),
    )


def _guarded_call(call: ToolCall, guard: Guard) -> ToolCall:
    return msgspec.structs.replace(
        call, name=guard.text(call.name), arguments=guard.data(call.arguments)
    )


def _with_markers(message: Message, guard: Guard, images: list[bytes]) -> str:
    """Content where images have markers: in place of ``[img]``, others in front."""
    pieces = message.content.split("[img]", len(message.images))
    first = len(images)
    images.extend(message.images)
    markers = [f"[img-{number}]" for number in range(first, len(images))]
    inline, front = markers[: len(pieces) - 1], markers[len(pieces) - 1 :]
    text = guard.text(pieces[0])
    for marker, piece in zip(inline, pieces[1:], strict=True):
        text += marker + guard.text(piece)
    return "".join(front) + text
