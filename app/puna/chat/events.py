"""What an answer is made of, in the order it is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

import msgspec

from puna.chat.messages import ToolCall

FinishReason = Literal["stop", "length", "repeat", "load", "unload"]


class TokenLogprob(msgspec.Struct, frozen=True, omit_defaults=True):
    """Log probability of one produced token. ``top`` is sorted high to low."""

    token: str
    logprob: float
    bytes: tuple[int, ...] = ()
    top: tuple[tuple[str, float], ...] = ()


class Usage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What one answer cost. Durations in ns.

    Attributes:
        prompt_tokens: all tokens of the prompt, cached ones included.
        cached_tokens: of those, taken from a slot, memory or disk.
        dropped_messages: messages left out so that the prompt fits.
        prompt_tokens_total: tokens before anything was left out.
        shifted: tokens dropped from the window while answering.
        context: prompt without BOS, then answer without EOS; only when asked.
    """

    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prompt_ns: int = 0
    completion_ns: int = 0
    dropped_messages: int = 0
    prompt_tokens_total: int = 0
    shifted: int = 0
    context: tuple[int, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the visible answer."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ThinkingDelta:
    """A piece of the model's reasoning."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallEvent:
    """A complete tool call, with the log probabilities of its last tokens."""

    call: ToolCall
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of the JSON text of the arguments of the call that is being made.

    The first delta of a call has the name and an empty text; the complete
    :class:`ToolCallEvent` with the same index follows the last one.
    """

    index: int
    id: str
    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of an answer; always the last event.

    Attributes:
        warnings: what was not as it was meant, in words for a person.
        stop: the stop string that ended it, empty = none did.
    """

    reason: FinishReason
    usage: Usage
    warnings: tuple[str, ...] = ()
    stop: str = ""


Event: TypeAlias = TextDelta | ThinkingDelta | ToolCallEvent | ToolCallDelta | Finished
