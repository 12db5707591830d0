"""Events of an answer in the Anthropic dialect."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from puna.api.gojson import dumps
from puna.chat.events import Event, Finished, TextDelta, ThinkingDelta, ToolCallDelta, ToolCallEvent
from puna.chat.messages import ToolCall
from puna.server.translate.ids import call_id
from puna.server.translate.native import truncation

Named = tuple[str, dict[str, Any]]
"""Name and data of a server-sent event."""


def stop_reason(finished: Finished, *, called: bool) -> str:
    """Why the answer ended, in their words."""
    if called:
        return "tool_use"
    if finished.stop or finished.reason == "load":
        return "stop_sequence"  # the latter only since Ollama says so
    return "max_tokens" if finished.reason == "length" else "end_turn"


SIGNATURE = "unsigned"
"""Stands where theirs seals a thought, since SDKs insist on one."""


def message(model: str, events: Iterable[Event], *, signed: bool) -> dict[str, Any]:
    """A whole answer; ``signed``: thoughts have a signature."""
    content: list[dict[str, Any]] = []
    texts = {"thinking": "", "text": ""}
    finished: Finished | None = None
    for event in events:
        match event:
            case ThinkingDelta(text=text):
                texts["thinking"] += text
            case TextDelta(text=text):
                texts["text"] += text
            case ToolCallEvent(call=call):
                content.append(_tool_use(call) | {"input": dict(call.arguments)})
            case Finished():
                finished = event
    assert finished is not None
    called = bool(content)
    blocks = [{"type": kind, kind: text} for kind, text in texts.items() if text]
    if signed and texts["thinking"]:
        blocks[0]["signature"] = SIGNATURE
    answer = {
        "id": "msg_" + secrets.token_hex(12),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [*blocks, *content],
        "stop_reason": stop_reason(finished, called=called),
    }
    if finished.stop:
        answer["stop_sequence"] = finished.stop
    return answer | {"usage": _usage(finished)}


class MessageStream:
    """Makes the events of a streamed answer.

    Args:
        model: the name that was asked for.
        estimate: tokens of the prompt as far as they can be guessed.
        signed: thoughts end with a signature.
    """

    def __init__(self, model: str, estimate: int, *, signed: bool) -> None:
        self._model = model
        self._estimate = estimate
        self._signed = signed
        self._started = False
        self._index = -1
        self._open = ""
        self._streamed: set[int] = set()
        self._called = False

    def events(self, event: Event) -> list[Named]:
        """What one event of ours becomes."""
        match event:
            case ThinkingDelta(text=text):
                return self._delta("thinking", text)
            case TextDelta(text=text):
                return self._delta("text", text)
            case ToolCallDelta():
                return self._call_delta(event)
            case ToolCallEvent(call=call):
                return self._call(call)
            case Finished():
                return self._finish(event)

    def _start(self, tokens: int) -> list[Named]:
        if self._started:
            return []
        self._started = True
        opened = {
            "id": "msg_" + secrets.token_hex(12),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "usage": {"input_tokens": tokens, "output_tokens": 0},
        }
        return [_named("message_start", message=opened)]

    def _delta(self, kind: str, text: str) -> list[Named]:
        if not text:
            return []
        events = self._start(self._estimate)
        if self._open != kind:
            events += [*self._stop_block(), *self._open_block(kind, {"type": kind, kind: ""})]
        return [*events, self._block_delta({"type": f"{kind}_delta", kind: text})]

    def _call_delta(self, delta: ToolCallDelta) -> list[Named]:
        events = self._start(self._estimate)
        if delta.index not in self._streamed:
            self._streamed.add(delta.index)
            events += self._open_call(ToolCall(delta.name, {}, delta.id, delta.index))
        if delta.text:
            events.append(self._json_delta(delta.text))
        return events

    def _call(self, call: ToolCall) -> list[Named]:
        self._called = True
        if call.index in self._streamed:
            return self._stop_block()
        events = [*self._start(self._estimate), *self._open_call(call)]
        events.append(self._json_delta(dumps(dict(call.arguments)).decode()))
        return events + self._stop_block()

    def _finish(self, finished: Finished) -> list[Named]:
        events = [*self._start(finished.usage.prompt_tokens), *self._stop_block()]
        delta: dict[str, Any] = {"stop_reason": stop_reason(finished, called=self._called)}
        if finished.stop:
            delta["stop_sequence"] = finished.stop
        events.append(_named("message_delta", delta=delta, usage=_usage(finished)))
        return [*events, _named("message_stop")]

    # ------------------------------------------------------------ blocks

    def _open_call(self, call: ToolCall) -> list[Named]:
        block = _tool_use(call) | {"input": {}}
        return [*self._stop_block(), *self._open_block("tool_use", block)]

    def _open_block(self, kind: str, block: dict[str, Any]) -> list[Named]:
        self._index += 1
        self._open = kind
        return [_named("content_block_start", index=self._index, content_block=block)]

    def _stop_block(self) -> list[Named]:
        if not self._open:
            return []
        events = []
        if self._signed and self._open == "thinking":
            events.append(self._block_delta({"type": "signature_delta", "signature": SIGNATURE}))
        self._open = ""
        return [*events, _named("content_block_stop", index=self._index)]

    def _block_delta(self, delta: dict[str, Any]) -> Named:
        return _named("content_block_delta", index=self._index, delta=delta)

    def _json_delta(self, text: str) -> Named:
        return self._block_delta({"type": "input_json_delta", "partial_json": text})


def _named(name: str, **data: Any) -> Named:
    return name, {"type": name, **data}


def _tool_use(call: ToolCall) -> dict[str, Any]:
    return {"type": "tool_use", "id": call.id or call_id(), "name": call.name}


def _usage(finished: Finished) -> dict[str, int]:
    usage = finished.usage
    counts = {"input_tokens": usage.prompt_tokens, "output_tokens": usage.completion_tokens}
    return counts | truncation(usage)
