"""Reasoning of earlier turns, which models are trained not to see again.

What the model thought before the last question is over; between that question
and now it may be in the middle of its work (tool calls), so there it stays.

Source: contract ``ollama-http-api`` 4.4.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import structs

from puna.chat.events import TextDelta
from puna.chat.messages import Message
from puna.chat.parsers.thinking import ThinkingParser

_OPENING, _CLOSING = "<think>", "</think>"


def without_tagged(messages: Sequence[Message]) -> list[Message]:
    """Earlier answers without ``<think>…</think>`` at the start of their text.

    For families whose Go templates leave that to the server.
    """
    return _earlier(messages, _without_tags)


def without_thinking(messages: Sequence[Message]) -> list[Message]:
    """Earlier messages without the reasoning that clients send back beside the text."""
    return _earlier(messages, lambda message: structs.replace(message, thinking=""))


def _earlier(messages: Sequence[Message], change: Callable[[Message], Message]) -> list[Message]:
    """``messages`` with those before the last question changed."""
    users = [index for index, message in enumerate(messages) if message.role == "user"]
    last = users[-1] if users else -1
    return [change(one) if index < last else one for index, one in enumerate(messages)]


def _without_tags(message: Message) -> Message:
    if message.role != "assistant" or not message.content.lstrip().startswith(_OPENING):
        return message
    parser = ThinkingParser(_OPENING, _CLOSING)
    events = [*parser.feed(message.content), *parser.close()]
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    return structs.replace(message, content=text)
