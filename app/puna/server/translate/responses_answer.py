"""Events of an answer in the OpenAI Responses dialect."""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from puna.api.gojson import dumps
from puna.api.responses import ResponsesRequest, ResponsesTool
from puna.chat.events import (
    Event,
    Finished,
    TextDelta,
    ThinkingDelta,
    ToolCallDelta,
    ToolCallEvent,
    Usage,
)
from puna.chat.messages import ToolCall
from puna.errors import PunaError
from puna.server.translate.ids import call_id
from puna.server.translate.native import truncation

Named = tuple[str, dict[str, Any]]
"""Name and data of a server-sent event."""


def whole(request: ResponsesRequest, events: Iterable[Event], created: int) -> dict[str, Any]:
    """A whole answer."""
    answer = _Answer()
    for event in events:
        answer.add(event)
    response = _response(request, answer, "resp_" + _id(), created, answer.status)
    reasoning = response["reasoning"] or {}
    given = {key: value for key, value in reasoning.items() if value is not None}
    return response | {"reasoning": given or None}


class ResponseStream:
    """Makes the events of a streamed answer."""

    def __init__(self, request: ResponsesRequest) -> None:
        self._request = request
        self._id = "resp_" + _id()
        self._created = int(time.time())
        self._answer = _Answer()
        self._number = 0
        self._output: list[dict[str, Any]] = []
        self._open: _Item | None = None
        self._streamed: set[int] = set()

    def start(self) -> list[Named]:
        """The two events that come before all others."""
        response = _response(self._request, self._answer, self._id, self._created, "in_progress")
        return [
            self._named("response.created", response=response),
            self._named("response.in_progress", response=response),
        ]

    def events(self, event: Event) -> list[Named]:
        """What one event of ours becomes."""
        match event:
            case ThinkingDelta(text=text):
                return self._delta(_Reasoning, text)
            case TextDelta(text=text):
                return self._delta(_Message, text)
            case ToolCallDelta():
                return self._call_delta(event)
            case ToolCallEvent(call=call):
                return self._call(call)
            case Finished():
                return self._finish(event)

    def failed(self, error: PunaError) -> list[Named]:
        """The end of an answer that failed."""
        response = _response(self._request, self._answer, self._id, self._created, "failed")
        response |= {
            "output": self._output,
            "error": {"code": "server_error", "message": str(error)},
        }
        return [self._named("response.failed", response=response)]

    def _delta(self, kind: type[_Item], text: str) -> list[Named]:
        if not text:
            return []
        events = [] if isinstance(self._open, kind) else self._begin(kind())
        assert self._open is not None
        return [*events, *self._number_all(self._open.delta(text))]

    def _call_delta(self, delta: ToolCallDelta) -> list[Named]:
        events: list[Named] = []
        if delta.index not in self._streamed:
            self._streamed.add(delta.index)
            events = self._begin(_Call(ToolCall(delta.name, {}, delta.id, delta.index)))
        assert self._open is not None
        return events + (self._number_all(self._open.delta(delta.text)) if delta.text else [])

    def _call(self, call: ToolCall) -> list[Named]:
        if call.index in self._streamed:
            return self._end()
        events = self._begin(_Call(call))
        assert self._open is not None
        events += self._number_all(self._open.delta(dumps(dict(call.arguments)).decode()))
        return events + self._end()

    def _finish(self, finished: Finished) -> list[Named]:
        events = self._end()
        self._answer.add(finished)
        status = self._answer.status
        response = _response(self._request, self._answer, self._id, self._created, status)
        response["output"] = self._output or None
        return [*events, self._named(f"response.{status}", response=response)]

    def _begin(self, item: _Item) -> list[Named]:
        events = self._end()
        self._open = item
        item.place(len(self._output))
        return events + self._number_all(item.begin())

    def _end(self) -> list[Named]:
        if self._open is None:
            return []
        item, self._open = self._open, None
        self._output.append(item.done())
        return self._number_all(item.end())

    def _number_all(self, events: list[Named]) -> list[Named]:
        return [self._named(name, **data) for name, data in events]

    def _named(self, name: str, **data: Any) -> Named:
        numbered = {**data, "type": name, "sequence_number": self._number}
        self._number += 1
        return name, _sorted(numbered)


class _Item(ABC):
    """One item of the output while it grows."""

    prefix = ""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._base = {"item_id": f"{self.prefix}_{_id()}", "output_index": 0}

    def place(self, index: int) -> None:
        self._base["output_index"] = index

    @property
    def id(self) -> str:
        return str(self._base["item_id"])

    @property
    def text(self) -> str:
        return "".join(self._text)

    @abstractmethod
    def begin(self) -> list[Named]: ...

    def delta(self, text: str) -> list[Named]:
        self._text.append(text)
        return [self._delta(text)]

    def end(self) -> list[Named]:
        return [*self._endings(), self._added("done", self.done())]

    @abstractmethod
    def done(self) -> dict[str, Any]: ...

    @abstractmethod
    def _delta(self, text: str) -> Named: ...

    @abstractmethod
    def _endings(self) -> list[Named]: ...

    def _added(self, what: str, item: dict[str, Any]) -> Named:
        place = {"output_index": self._base["output_index"], "item": item}
        return f"response.output_item.{what}", place


class _Reasoning(_Item):
    prefix = "rs"

    def begin(self) -> list[Named]:
        return [self._added("added", {"id": self.id, "type": "reasoning", "summary": []})]

    def done(self) -> dict[str, Any]:
        return reasoning_item(self.text, self.id)

    def _delta(self, text: str) -> Named:
        data = self._base | {"summary_index": 0, "delta": text}
        return "response.reasoning_summary_text.delta", data

    def _endings(self) -> list[Named]:
        data = self._base | {"summary_index": 0, "text": self.text}
        return [("response.reasoning_summary_text.done", data)]


class _Message(_Item):
    prefix = "msg"

    def begin(self) -> list[Named]:
        item = message_item("", self.id) | {"status": "in_progress", "content": []}
        part = self._base | {"content_index": 0, "part": _part("")}
        return [self._added("added", item), ("response.content_part.added", part)]

    def done(self) -> dict[str, Any]:
        return message_item(self.text, self.id)

    def _delta(self, text: str) -> Named:
        data = self._base | {"content_index": 0, "delta": text, "logprobs": []}
        return "response.output_text.delta", data

    def _endings(self) -> list[Named]:
        place = self._base | {"content_index": 0}
        return [
            ("response.output_text.done", place | {"text": self.text, "logprobs": []}),
            ("response.content_part.done", place | {"part": _part(self.text)}),
        ]


class _Call(_Item):
    prefix = "fc"

    def __init__(self, call: ToolCall) -> None:
        super().__init__()
        self._name = call.name
        self._call_id = call.id or call_id()

    def begin(self) -> list[Named]:
        return [self._added("added", self._item("in_progress"))]

    def done(self) -> dict[str, Any]:
        return self._item("completed")

    def _item(self, status: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "function_call",
            "status": status,
            "call_id": self._call_id,
            "name": self._name,
            "arguments": self.text if status == "completed" else "",
        }

    def _delta(self, text: str) -> Named:
        return "response.function_call_arguments.delta", self._base | {"delta": text}

    def _endings(self) -> list[Named]:
        return [("response.function_call_arguments.done", self._base | {"arguments": self.text})]


class _Answer:
    """Collects an answer that is sent as a whole."""

    def __init__(self) -> None:
        self._text = self._thinking = ""
        self._calls: list[ToolCall] = []
        self.usage: Usage | None = None
        self.status = "completed"

    def add(self, event: Event) -> None:
        match event:
            case TextDelta(text=text):
                self._text += text
            case ThinkingDelta(text=text):
                self._thinking += text
            case ToolCallEvent(call=call):
                self._calls.append(call)
            case Finished(reason=reason, usage=usage):
                self.usage = usage
                self.status = "incomplete" if reason == "length" else "completed"

    def output(self) -> list[dict[str, Any]]:
        items = [reasoning_item(self._thinking, f"rs_{_id()}")] if self._thinking else []
        if self._text or (not self._calls and self.usage is not None):
            items.append(message_item(self._text, f"msg_{_id()}"))
        for call in self._calls:
            item = _Call(call)
            item.delta(dumps(dict(call.arguments)).decode())
            items.append(item.done())
        return items


def reasoning_item(text: str, item_id: str) -> dict[str, Any]:
    """Reasoning in the output; the text also stands where clients send it back from."""
    return {
        "id": item_id,
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text}],
        "encrypted_content": text,
    }


def message_item(text: str, item_id: str) -> dict[str, Any]:
    """Text in the output."""
    return {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [_part(text)],
    }


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _response(
    request: ResponsesRequest, answer: _Answer, response_id: str, created: int, status: str
) -> dict[str, Any]:
    running = status == "in_progress"
    incomplete = {"reason": "max_output_tokens"} if status == "incomplete" else None
    return {
        "id": response_id,
        "object": "response",
        "created_at": created,
        "completed_at": None if running else int(time.time()),
        "status": status,
        "incomplete_details": incomplete,
        "model": request.model,
        "previous_response_id": None,
        "instructions": request.instructions or None,
        "output": [] if running else answer.output(),
        "error": None,
        "tools": [_tool(tool) for tool in request.tools],
        "tool_choice": "auto" if request.tool_choice is None else request.tool_choice,
        "truncation": request.truncation or "disabled",
        "parallel_tool_calls": True,
        "text": {"format": _text_format(request)},
        "top_p": 1.0 if request.top_p is None else request.top_p,
        "presence_penalty": 0,
        "frequency_penalty": 0,
        "top_logprobs": 0,
        "temperature": 1.0 if request.temperature is None else request.temperature,
        "reasoning": _reasoning(request),
        "usage": None if running or answer.usage is None else _usage(answer.usage),
        "max_output_tokens": request.max_output_tokens,
        "max_tool_calls": None,
        "store": False,
        "background": bool(request.background),
        "service_tier": "default",
        "metadata": {},
        "safety_identifier": None,
        "prompt_cache_key": None,
    }


def _tool(tool: ResponsesTool) -> dict[str, Any]:
    shown = {
        "type": tool.type,
        "name": tool.name,
        "description": tool.description,
        "strict": tool.strict,
        "parameters": _sorted(tool.parameters),
    }
    return shown | ({"tools": [_tool(inner) for inner in tool.tools]} if tool.tools else {})


def _text_format(request: ResponsesRequest) -> dict[str, Any]:
    form = request.text.format if request.text else None
    if form is None:
        return {"type": "text"}
    fields = {"name": form.name, "schema": form.schema_, "strict": form.strict}
    return {"type": form.type or "text"} | {k: v for k, v in fields.items() if v is not None}


def _reasoning(request: ResponsesRequest) -> dict[str, Any] | None:
    """What was asked for; a whole answer leaves out what was not, a stream says null."""
    asked = request.reasoning
    if asked is None or not (asked.effort or asked.summary):
        return None
    return {"effort": asked.effort or None, "summary": asked.summary or None}


def _usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
        **truncation(usage),
    }


def _sorted(value: Any) -> Any:
    """Keys of objects in order, as Go writes maps."""
    if isinstance(value, dict):
        return {key: _sorted(value[key]) for key in sorted(value)}
    if isinstance(value, list):
        return [_sorted(item) for item in value]
    return value


def _id() -> str:
    return secrets.token_hex(12)
