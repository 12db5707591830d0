"""The OpenAI Responses dialect: requests into ours.

Source: contract ``ollama-http-api`` 6.5.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from puna.api.decoding import decode_base64, go_kind
from puna.api.fields import read_keep_alive
from puna.api.responses import ResponsesRequest, ResponsesTool
from puna.chat.messages import Message, Think, Tool, ToolCall
from puna.errors import InvalidInput
from puna.server.translate.efforts import think_of
from puna.services.requests import ChatRequest, Controls, ToolChoice

_TYPED = 'struct { Type string "json:\\"type\\""; Role string "json:\\"role\\"" }'


def to_chat(request: ResponsesRequest) -> ChatRequest:
    """The request in our form.

    Raises:
        InvalidInput: an item, a tool or a choice that cannot be served.
    """
    messages: list[Message] = []
    if request.instructions:
        messages.append(Message("system", request.instructions))
    messages += _items(request.input)
    choice, offered = _choice(request)
    return ChatRequest(
        request.model,
        tuple(messages),
        tuple(_tools(request.tools)) if offered else (),
        Controls(
            options=_options(request),
            keep_alive=None if request.keep_alive is None else read_keep_alive(request.keep_alive),
            think=_think(request),
            format=_format(request),
            truncate=request.truncation != "disabled",
        ),
        choice,
    )


def _options(request: ResponsesRequest) -> dict[str, Any]:
    options = dict(request.options)
    for name in ("temperature", "top_p", "num_ctx"):
        if getattr(request, name) is not None:
            options[name] = getattr(request, name)
    if request.max_output_tokens is not None:
        options["num_predict"] = request.max_output_tokens
    return options


def _think(request: ResponsesRequest) -> Think | None:
    effort = request.reasoning.effort if request.reasoning else ""
    return think_of(effort) if effort else None


def _format(request: ResponsesRequest) -> Any:
    form = request.text.format if request.text else None
    if form is None or form.type in ("", "text"):
        return None
    if form.type == "json_object":
        return "json"
    if form.type == "json_schema":
        return form.schema_
    raise InvalidInput(
        f'text.format.type must be "text", "json_object" or "json_schema", not "{form.type}"'
    )


def _choice(request: ResponsesRequest) -> tuple[ToolChoice, bool]:
    """What must be called, and whether tools are offered at all."""
    parallel = request.parallel_tool_calls is not False
    match request.tool_choice:
        case None | "auto":
            return ToolChoice(parallel=parallel), True
        case "none":
            return ToolChoice(), False
        case "required":
            return ToolChoice(required=True, parallel=parallel), True
        case {"type": "function", "name": str(name)}:
            return ToolChoice(required=True, name=name, parallel=parallel), True
    raise InvalidInput('tool_choice must be "auto", "none", "required" or a function by name')


def _tools(tools: Sequence[ResponsesTool]) -> list[Tool]:
    """The functions; kinds that run on somebody's server are left out."""
    found: list[Tool] = []
    for tool in tools:
        if tool.type == "namespace":
            found += [_inner(tool.name, item) for item in tool.tools if isinstance(item, Mapping)]
        elif not tool.type.startswith("web_search"):
            found.append(_tool(tool.type, tool.name, tool.description, tool.parameters))
    return found


def _inner(namespace: str, tool: Mapping[str, Any]) -> Tool:
    name = f"{namespace}.{tool.get('name', '')}"
    return _tool("function", name, tool.get("description"), tool.get("parameters"))


def _tool(kind: str, name: str, description: Any, parameters: Any) -> Tool:
    function: dict[str, Any] = {"name": name, "description": description or ""}
    if parameters is not None:
        function["parameters"] = parameters
    return Tool({"type": kind, "function": function})


# ---------------------------------------------------------------- input


def _items(value: Any) -> list[Message]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        return [Message("user", value)]
    if not isinstance(value, list):
        raise InvalidInput(
            f"input must be a string or array: json: cannot unmarshal {go_kind(value)} "
            "into Go value of type []json.RawMessage"
        )
    reader = _Items()
    for index, item in enumerate(value):
        reader.add(index, item)
    return reader.messages


class _Items:
    """Collects the messages of a list of input items."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._thinking = ""
        self._names: dict[str, str] = {}

    def add(self, index: int, item: Any) -> None:
        if not isinstance(item, Mapping):
            raise InvalidInput(
                f"input[{index}]: json: cannot unmarshal {go_kind(item)} into Go value of type {_TYPED}"
            )
        kind = item.get("type") or ("message" if item.get("role") else "")
        match kind:
            case "message":
                self._message(index, item)
            case "function_call":
                self._call(index, item)
            case "function_call_output":
                self._output(index, item)
            case "reasoning":
                self._thinking = str(item.get("encrypted_content") or _summary(item))
            case "web_search_call":
                pass
            case "":
                raise InvalidInput(f"input[{index}]: input item missing required 'type' field")
            case _:
                raise InvalidInput(f'input[{index}]: unknown input item type: "{kind}"')

    def _message(self, index: int, item: Mapping[str, Any]) -> None:
        text, images = _content(f"input[{index}]: ", item.get("content"))
        role = str(item.get("role") or "user").lower()
        thinking = self._take_thinking() if role == "assistant" else ""
        self.messages.append(Message(role, text, thinking, images))

    def _call(self, index: int, item: Mapping[str, Any]) -> None:
        name, call_id = str(item.get("name") or ""), str(item.get("call_id") or "")
        self._names[call_id] = name
        call = ToolCall(name, _arguments(index, item.get("arguments")), call_id)
        last = self.messages[-1] if self.messages else None
        if last is not None and last.role == "assistant":
            calls = (
                *last.tool_calls,
                ToolCall(call.name, call.arguments, call.id, len(last.tool_calls)),
            )
            self.messages[-1] = _with_calls(last, calls)
        else:
            self.messages.append(
                Message("assistant", thinking=self._take_thinking(), tool_calls=(call,))
            )

    def _output(self, index: int, item: Mapping[str, Any]) -> None:
        text, images = _content(f"input[{index}]: ", item.get("output"))
        call_id = str(item.get("call_id") or "")
        self.messages.append(
            Message(
                "tool",
                text,
                images=images,
                tool_name=self._names.get(call_id, ""),
                tool_call_id=call_id,
            )
        )

    def _take_thinking(self) -> str:
        thinking, self._thinking = self._thinking, ""
        return thinking


def _with_calls(message: Message, calls: tuple[ToolCall, ...]) -> Message:
    return Message(message.role, message.content, message.thinking, message.images, calls)


def _arguments(index: int, value: Any) -> Mapping[str, Any]:
    try:
        arguments = json.loads(value) if value else {}
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            f"input[{index}]: failed to parse function call arguments: {error}"
        ) from None
    if not isinstance(arguments, dict):
        raise InvalidInput(
            f"input[{index}]: failed to parse function call arguments: not an object"
        )
    return arguments


def _summary(item: Mapping[str, Any]) -> str:
    parts = item.get("summary")
    return "".join(
        str(part.get("text") or "")
        for part in (parts if isinstance(parts, list) else [])
        if isinstance(part, Mapping)
    )


def _content(place: str, value: Any) -> tuple[str, tuple[bytes, ...]]:
    if value is None or isinstance(value, str):
        return value or "", ()
    texts, images = [], []
    for index, part in enumerate(value if isinstance(value, list) else []):
        kind = part.get("type") if isinstance(part, Mapping) else None
        match kind:
            case "input_text" | "output_text" | "text":
                texts.append(str(part.get("text") or ""))
            case "input_image":
                images.append(_image(part.get("image_url")))
            case "input_file":
                raise InvalidInput("file inputs are not currently supported")
            case _:
                raise InvalidInput(f"{place}content[{index}]: unknown content type: {kind or ''}")
    return "".join(texts), tuple(images)


def _image(url: Any) -> bytes:
    if not isinstance(url, str) or not url:
        raise InvalidInput("invalid image input")
    if url.startswith(("http://", "https://")):
        raise InvalidInput(
            "image URLs are not currently supported, please use base64 encoded data instead"
        )
    try:
        return decode_base64(url)
    except InvalidInput:
        raise InvalidInput("invalid image input") from None
