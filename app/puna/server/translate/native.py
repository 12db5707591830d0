"""The native API: wire bodies to requests, events to wire objects.

Key order and what is left out follow contract ``ollama-http-api`` 4 and 5.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from puna.api import native as wire
from puna.api.gojson import dumps
from puna.chat.events import (
    Finished,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallEvent,
    Usage,
)
from puna.chat.messages import Message, Tool, ToolCall
from puna.server.streaming import line
from puna.server.translate.moulds import MARK, around_marks
from puna.server.translate.timestamps import utc_now
from puna.services.requests import (
    Answer,
    ChatRequest,
    Closing,
    Controls,
    GenerateRequest,
    PromptRead,
    Rendered,
)


def controls(body: wire.ModelRequest) -> Controls:
    """What chat and generate have in common."""
    return Controls(
        options=body.options,
        keep_alive=body.keep_alive,  # type: ignore[arg-type]
        think=body.think,  # type: ignore[arg-type]
        format=grammar(body.grammar) or body.format,
        logprobs=body.logprobs,
        top_logprobs=body.top_logprobs,
        truncate=body.truncate is not False,
        shift=body.shift is not False,
        render_only=body.debug_render_only,
        progress=body.return_progress,
        tells_repeats=body.return_repeat,
        # Many a small program parses each chunk it reads as one line.
        apart=body.stream is not False,
    )


def grammar(source: str) -> dict[str, str] | None:
    """The format that a GBNF grammar of its own field stands for."""
    return {"type": "grammar", "grammar": source} if source else None


def chat_request(body: wire.ChatRequest) -> ChatRequest:
    """``POST /api/chat``."""
    return ChatRequest(
        model=body.model,
        messages=tuple(message(item) for item in body.messages),
        tools=tuple(Tool(item) for item in body.tools),
        controls=controls(body),
    )


def generate_request(body: wire.GenerateRequest) -> GenerateRequest:
    """``POST /api/generate``."""
    return GenerateRequest(
        model=body.model,
        prompt=body.prompt,
        suffix=body.suffix,
        system=body.system,
        template=body.template,
        images=tuple(body.images),
        context=tuple(body.context),
        raw=body.raw,
        controls=controls(body),
    )


def message(item: wire.Message) -> Message:
    """One turn."""
    return Message(
        role=item.role.lower(),
        content=item.content,
        thinking=item.thinking,
        images=tuple(item.images),
        tool_calls=tuple(
            ToolCall(call.function.name, call.function.arguments, call.id, call.function.index)
            for call in item.tool_calls
        ),
        tool_name=item.tool_name,
        tool_call_id=item.tool_call_id,
    )


@dataclass(slots=True)
class Piece:
    """What one line shows.

    Attributes:
        progress: how far the prompt is read, when that is all there is to tell.
        shown: something happened that deserves a line.
    """

    text: str = ""
    thinking: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    logprobs: list[TokenLogprob] = field(default_factory=list)
    progress: PromptRead | None = None
    shown: bool = False

    def add(self, event: Answer) -> None:
        """Take in one event."""
        match event:
            case TextDelta():
                self.text += event.text
                self.logprobs += event.logprobs
            case ThinkingDelta():
                self.thinking += event.text
                self.logprobs += event.logprobs
            case ToolCallEvent():
                self.calls.append(event.call)
                self.logprobs += event.logprobs
            case PromptRead():
                self.progress = event
            case _:
                return
        self.shown = True


class Shape(ABC):
    """How an answer is written: the shape of chat or that of generate."""

    def __init__(self, model: str, started_ns: int) -> None:
        self._model = model
        self._started_ns = started_ns

    @abstractmethod
    def chunk(self, piece: Piece) -> dict[str, Any]:
        """A line before the last."""

    @abstractmethod
    def final(self, piece: Piece, finished: Finished, load_ns: int) -> dict[str, Any]:
        """The last line, or the only object."""

    @abstractmethod
    def special(self, answer: Finished | Rendered) -> dict[str, Any]:
        """The answer to a load, an unload or a rendering."""

    def text(self, text: str) -> bytes:
        """The line of a :meth:`chunk` with nothing but text."""
        before, between, after = self._around
        return b'%b"%b"%b%b%b' % (before, utc_now().encode(), between, dumps(text), after)

    @cached_property
    def _around(self) -> list[bytes]:
        """What stands around the time and the text."""
        return around_marks(line({**self.chunk(Piece(MARK)), "created_at": MARK}), 2)

    def _head(self) -> dict[str, Any]:
        return {"model": self._model, "created_at": utc_now()}

    def _metrics(self, usage: Usage, load_ns: int) -> dict[str, Any]:
        found = {
            "total_duration": time.monotonic_ns() - self._started_ns,
            "load_duration": max(load_ns, 1),
            "prompt_eval_count": usage.prompt_tokens,
            "prompt_eval_duration": usage.prompt_ns,
            "eval_count": usage.completion_tokens,
            "eval_duration": usage.completion_ns,
        }
        return {key: value for key, value in found.items() if value}


class ChatShape(Shape):
    """Objects of ``/api/chat``."""

    def chunk(self, piece: Piece) -> dict[str, Any]:
        """A line before the last."""
        found = {
            "model": self._model,
            "created_at": utc_now(),
            "message": _message(piece),
            "done": False,
        }
        return _detailed(found, piece)

    def final(self, piece: Piece, finished: Finished, load_ns: int) -> dict[str, Any]:
        """The last line, or the only object."""
        return {
            **self._head(),
            "message": _message(piece),
            "done": True,
            "done_reason": finished.reason,
            **_logprobs(piece),
            **self._metrics(finished.usage, load_ns),
        }

    def special(self, answer: Finished | Rendered) -> dict[str, Any]:
        """The answer to a load, an unload or a rendering."""
        if isinstance(answer, Rendered):
            empty = {"role": "", "content": ""}
            return {**self._head(), "message": empty, "done": False, **_debug(answer)}
        head = {**self._head(), "message": _message(Piece())}
        return {**head, "done": True, "done_reason": answer.reason}


class GenerateShape(Shape):
    """Objects of ``/api/generate``."""

    def chunk(self, piece: Piece) -> dict[str, Any]:
        """A line before the last."""
        found = {"model": self._model, "created_at": utc_now(), **_response(piece), "done": False}
        return _detailed(found, piece)

    def final(self, piece: Piece, finished: Finished, load_ns: int) -> dict[str, Any]:
        """The last line, or the only object."""
        context = list(finished.usage.context)
        return {
            **self._head(),
            **_response(piece),
            "done": True,
            "done_reason": finished.reason,
            **({"context": context} if context else {}),
            **self._metrics(finished.usage, load_ns),
            **_logprobs(piece),
        }

    def special(self, answer: Finished | Rendered) -> dict[str, Any]:
        """The answer to a load, an unload or a rendering."""
        if isinstance(answer, Rendered):
            return {**self._head(), "response": "", "done": False, **_debug(answer)}
        return {**self._head(), "response": "", "done": True, "done_reason": answer.reason}


def _message(piece: Piece) -> dict[str, Any]:
    found: dict[str, Any] = {"role": "assistant", "content": piece.text}
    if piece.thinking:
        found["thinking"] = piece.thinking
    if piece.calls:
        found["tool_calls"] = [_call(call) for call in piece.calls]
    return found


def _response(piece: Piece) -> dict[str, Any]:
    found: dict[str, Any] = {"response": piece.text}
    if piece.thinking:
        found["thinking"] = piece.thinking
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"index": call.index, "name": call.name, "arguments": call.arguments}
    return {"id": call.id, "function": function}


def _debug(answer: Rendered) -> dict[str, Any]:
    info: dict[str, Any] = {"rendered_template": answer.text}
    if answer.images:
        info["image_count"] = answer.images
    return {"_debug_info": info}


def _detailed(found: dict[str, Any], piece: Piece) -> dict[str, Any]:
    """Add what a line has besides text. The progress has the names of llama.cpp's server."""
    if piece.progress is not None:
        progress = {"processed": piece.progress.done, "total": piece.progress.total}
        found["prompt_progress"] = progress
    elif piece.logprobs:
        found["logprobs"] = logprobs(piece.logprobs)
    return found


def _logprobs(piece: Piece) -> dict[str, Any]:
    return {"logprobs": logprobs(piece.logprobs)} if piece.logprobs else {}


def logprobs(items: Iterable[TokenLogprob]) -> list[dict[str, Any]]:
    """Log probabilities as both APIs show them."""
    return [_logprob(item) for item in items]


def _logprob(item: TokenLogprob) -> dict[str, Any]:
    found = {"token": item.token, "logprob": item.logprob, "bytes": list(item.bytes)}
    if item.top:
        found["top_logprobs"] = [
            {"token": token, "logprob": value, "bytes": list(token.encode())}
            for token, value in item.top
        ]
    return found


async def lines(
    answers: AsyncGenerator[Answer, None], shape: Shape, load_ns: int
) -> AsyncIterator[bytes]:
    """The stream: a line per event, and the last one with the metrics."""
    last: Piece | None = None
    async with aclosing(answers) as events:
        async for event in events:
            if isinstance(event, Closing):
                last = Piece()
            elif isinstance(event, Finished):
                final = shape.final(last or Piece(), event, load_ns)
                yield line({**final, **truncation(event.usage)})
            elif last is not None:
                last.add(event)
            elif isinstance(event, TextDelta) and not event.logprobs:
                yield shape.text(event.text)
            else:
                piece = Piece()
                piece.add(event)
                if piece.shown:
                    yield line(shape.chunk(piece))


def truncation(usage: Usage) -> dict[str, Any]:
    """What was left out so that the prompt fits; empty when nothing was."""
    if not usage.dropped_messages and usage.prompt_tokens_total <= usage.prompt_tokens:
        return {}
    return {
        "truncated": True,
        "prompt_tokens_total": usage.prompt_tokens_total,
        "dropped_messages": usage.dropped_messages,
    }


def any_truncation(usages: Iterable[Usage]) -> dict[str, Any]:
    """:func:`truncation` of the first prompt that did not fit."""
    return next(filter(None, map(truncation, usages)), {})


async def collected(answers: AsyncIterator[Answer]) -> tuple[Piece, Finished]:
    """The answer as one piece."""
    piece = Piece()
    async for event in answers:
        if isinstance(event, Finished):
            return piece, event
        piece.add(event)
    raise AssertionError("the answer ended without Finished")
