"""Chat completions: wire bodies to requests, events to wire objects.

Source: contract ``ollama-http-api`` 6.1. Where it differs on purpose: the
model's own sampling parameters hold when the request is silent (16.25),
``options``, ``num_ctx``, ``keep_alive`` and ``max_completion_tokens`` count
(16.2 to 16.4), and a stream that fails says so (16.18).
"""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeAlias

from puna.api import openai as wire
from puna.api.gojson import dumps
from puna.chat.events import (
    Finished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEvent,
    Usage,
)
from puna.chat.messages import Tool, ToolCall
from puna.errors import InvalidInput, PunaError
from puna.server.errors import openai_body
from puna.server.streaming import event
from puna.server.translate import openai_messages as parts
from puna.server.translate.moulds import MARK, around_marks
from puna.server.translate.native import Piece, grammar, logprobs, truncation
from puna.services.requests import Answer, ChatRequest, Controls, Rendered, ToolChoice

DONE = b"data: [DONE]\n\n"
FINGERPRINT = "fp_ollama"
MAX_CHOICES = 8
_NOTHING: Mapping[str, int] = {}

Choices: TypeAlias = AsyncGenerator[tuple[int, Answer], None]
"""What happens in each of the choices of one request."""


def chat_requests(body: wire.ChatCompletionRequest, choices: int | None) -> list[ChatRequest]:
    """``POST /v1/chat/completions``: one request for each of the choices.

    A seed is counted on, so that the choices differ and can be had again.

    Raises:
        InvalidInput: with Ollama's text.
    """
    count = 1 if choices is None else choices
    if not 1 <= count <= MAX_CHOICES:
        raise InvalidInput(f"n must be between 1 and {MAX_CHOICES}")
    first = chat_request(body)
    controls = [
        replace(first.controls, options={**first.controls.options, "seed": body.seed + index})
        if body.seed is not None and index
        else first.controls
        for index in range(count)
    ]
    return [replace(first, controls=item) for item in controls]


def chat_request(body: wire.ChatCompletionRequest) -> ChatRequest:
    """The request for one choice.

    Raises:
        InvalidInput: with Ollama's text.
    """
    if not body.messages:
        raise InvalidInput("[] is too short - 'messages'")
    parallel = body.parallel_tool_calls is not False
    tools, choice = _tools(body.tools, body.tool_choice, parallel=parallel)
    return ChatRequest(
        model=body.model,
        messages=parts.messages(body.messages),
        tools=tools,
        tool_choice=choice,
        controls=Controls(
            options=_options(body),
            keep_alive=body.keep_alive,  # type: ignore[arg-type]
            think=parts.effort(
                body.reasoning.effort if body.reasoning else "", body.reasoning_effort or ""
            ),
            format=grammar(body.grammar) or _format(body.response_format),
            logprobs=body.logprobs,
            top_logprobs=body.top_logprobs,
            render_only=body.debug_render_only,
        ),
    )


def _tools(
    tools: Sequence[dict[str, Any]], choice: Any, *, parallel: bool
) -> tuple[tuple[Tool, ...], ToolChoice]:
    """The tools on offer, and what must be called.

    Raises:
        InvalidInput: not a choice.
    """
    offered = tuple(Tool(item) for item in tools)
    match choice:
        case None | "auto":
            return offered, ToolChoice(parallel=parallel)
        case "none":
            return (), ToolChoice()
        case "required" | "any":
            return offered, ToolChoice(required=True, parallel=parallel)
        case {"function": {"name": str(name)}}:
            return offered, ToolChoice(required=True, name=name, parallel=parallel)
        case {"allowed_tools": {"tools": list(allowed), **rest}}:
            names = [_tool_name(item) for item in allowed]
            fewer = tuple(tool for tool in offered if tool.name in names)
            required = rest.get("mode") == "required"
            return fewer, ToolChoice(required=required, parallel=parallel)
    raise InvalidInput('tool_choice must be "auto", "none", "required" or a function by name')


def _tool_name(item: Any) -> str:
    match item:
        case {"function": {"name": str(name)}}:
            return name
        case _:
            return ""


def _options(body: wire.ChatCompletionRequest) -> dict[str, Any]:
    limit = body.max_completion_tokens
    named: dict[str, Any] = {
        "num_ctx": body.num_ctx,
        "num_predict": body.max_tokens if limit is None else limit,
        "seed": body.seed,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "frequency_penalty": body.frequency_penalty,
        "presence_penalty": body.presence_penalty,
        "stop": parts.stop_texts(body.stop) or None,
    }
    return {**body.options, **{key: value for key, value in named.items() if value is not None}}


def _format(asked: wire.ResponseFormat | None) -> Any:
    if asked is None:
        return None
    if asked.type == "json_object":
        return "json"
    return asked.json_schema.get("schema") if asked.type == "json_schema" else None


class ChatCompletions:
    """Writes the answer to one request.

    Args:
        model: the name in the request.
        choices: how many answers are made.
        include_usage: a stream ends with the number of tokens.
    """

    def __init__(self, model: str, *, choices: int = 1, include_usage: bool = False) -> None:
        self._head = {"id": f"chatcmpl-{secrets.token_hex(12)}"}
        self._rest = {
            "created": int(time.time()),
            "model": model,
            "system_fingerprint": FINGERPRINT,
        }
        self._choices = choices
        self._include_usage = include_usage
        self._begun: set[int] = set()
        self._around: dict[int, list[bytes]] = {}
        self._called: set[int] = set()
        self._streamed: set[tuple[int, int]] = set()
        self._usages: list[Usage] = []

    def special(self, answer: Finished | Rendered) -> dict[str, Any]:
        """The answer to a load, an unload or a rendering."""
        if isinstance(answer, Finished):
            return self._completion([_whole_choice(0, Piece(), answer)], answer.usage)
        silent = {"role": "", "content": ""}
        debug: dict[str, Any] = {"rendered_template": answer.text}
        if answer.images:
            debug["image_count"] = answer.images
        choice = {"index": 0, "message": silent, "finish_reason": None}
        return {**self._completion([choice], Usage()), "_debug_info": debug}

    async def whole(self, answers: Choices) -> tuple[dict[str, Any], list[Finished]]:
        """The answer in one object, and how each choice ended."""
        pieces = [Piece() for _ in range(self._choices)]
        ends: dict[int, Finished] = {}
        async for index, answer in answers:
            if isinstance(answer, Finished):
                ends[index] = answer
            else:
                pieces[index].add(answer)
        choices = [_whole_choice(index, pieces[index], ends[index]) for index in sorted(ends)]
        usage = _sum([end.usage for end in ends.values()])
        return self._completion(choices, usage), list(ends.values())

    def _completion(self, choices: list[dict[str, Any]], usage: Usage) -> dict[str, Any]:
        head = {**self._head, "object": "chat.completion", **self._rest}
        return {**head, "choices": choices, "usage": usage_object(usage)}

    async def events(self, answers: Choices) -> AsyncIterator[bytes]:
        """The stream: role first, the answer, the reason of its end, ``[DONE]``."""
        async with aclosing(answers) as found:
            async for index, answer in found:
                if isinstance(answer, Finished):
                    for piece in self._end(index, answer):
                        yield piece
                elif (delta := self._delta(index, answer)) is not None:
                    yield delta
        if self._include_usage:
            usage = usage_object(_sum(self._usages))
            yield event({**self._chunk_head(), "choices": [], "usage": usage})
        yield DONE

    def _end(self, index: int, finished: Finished) -> Iterator[bytes]:
        self._usages.append(finished.usage)
        if index not in self._begun:
            yield self._chunk(index, {"content": ""}, Piece())
        reason = "tool_calls" if index in self._called else finished.reason
        choice = {"index": index, "delta": {}, "finish_reason": reason}
        yield self._event([choice], truncation(finished.usage))

    def _text(self, index: int, text: str) -> bytes:
        """A chunk with nothing but text, after the first one."""
        around = self._around.get(index)
        if around is None:
            sample = self._chunk(index, {"content": MARK}, Piece())
            around = self._around[index] = around_marks(sample, 1)
        return dumps(text).join(around)

    def _delta(self, index: int, answer: Answer) -> bytes | None:
        match answer:
            case TextDelta(text, ()) if text and index in self._begun:
                return self._text(index, text)
        piece = Piece()
        piece.add(answer)
        match answer:
            case TextDelta(text) if text or answer.logprobs:
                return self._chunk(index, {"content": text}, piece)
            case ThinkingDelta(text):
                return self._chunk(index, {"content": "", "reasoning": text}, piece)
            case ToolCallDelta():
                return self._chunk(index, self._part_of_call(index, answer), piece)
            case ToolCallEvent(call):
                self._called.add(index)
                if (index, call.index) not in self._streamed:
                    shown = {"content": "", "tool_calls": [tool_call(call)]}
                    return self._chunk(index, shown, piece)
                return self._chunk(index, {"content": ""}, piece) if piece.logprobs else None
            case _:
                return None

    def _part_of_call(self, index: int, delta: ToolCallDelta) -> dict[str, Any]:
        """Identity and name at first, then pieces of the arguments."""
        if (index, delta.index) in self._streamed:
            part = {"index": delta.index, "function": {"arguments": delta.text}}
            return {"tool_calls": [part]}
        self._streamed.add((index, delta.index))
        function = {"name": delta.name, "arguments": delta.text}
        part = {"id": delta.id, "index": delta.index, "type": "function", "function": function}
        return {"content": "", "tool_calls": [part]}

    def _chunk(self, index: int, delta: dict[str, Any], piece: Piece) -> bytes:
        if index not in self._begun:
            delta = {"role": "assistant", **delta}
            self._begun.add(index)
        choice: dict[str, Any] = {"index": index, "delta": delta, "finish_reason": None}
        return self._event([_with_logprobs(choice, piece)])

    def _event(self, choices: list[dict[str, Any]], more: Mapping[str, int] = _NOTHING) -> bytes:
        return event({**self._chunk_head(), "choices": choices, **more})

    def _chunk_head(self) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk", **self._rest}


def _whole_choice(index: int, piece: Piece, finished: Finished) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": piece.text}
    if piece.thinking:
        message["reasoning"] = piece.thinking
    if piece.calls:
        message["tool_calls"] = [tool_call(call) for call in piece.calls]
    reason = "tool_calls" if piece.calls else finished.reason
    choice: dict[str, Any] = {"index": index, "message": message, "finish_reason": reason}
    return _with_logprobs(choice, piece)


def _sum(usages: Sequence[Usage]) -> Usage:
    """The prompt is counted once, whatever the number of choices."""
    return Usage(
        prompt_tokens=max((usage.prompt_tokens for usage in usages), default=0),
        completion_tokens=sum(usage.completion_tokens for usage in usages),
    )


def error_event(error: PunaError) -> bytes:
    """The last event of a stream that failed; no ``[DONE]`` follows."""
    return event(openai_body(error))


def tool_call(call: ToolCall) -> dict[str, Any]:
    """A tool call with its arguments as JSON text."""
    function = {"name": call.name, "arguments": dumps(call.arguments).decode()}
    return {"id": call.id, "index": call.index, "type": "function", "function": function}


def usage_object(usage: Usage) -> dict[str, int]:
    """Tokens of prompt and answer."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }


def _with_logprobs(choice: dict[str, Any], piece: Piece) -> dict[str, Any]:
    if piece.logprobs:
        choice["logprobs"] = {"content": logprobs(piece.logprobs)}
    return choice
