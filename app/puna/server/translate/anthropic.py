"""The Anthropic dialect: requests into ours, events into theirs.

Source: contract ``ollama-http-api`` 7.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from puna.api import gojson
from puna.api.anthropic import ContentBlock, MessageParam, MessagesRequest, ToolParam
from puna.api.decoding import decode
from puna.api.faults import told_of
from puna.api.fields import read_keep_alive
from puna.api.gobase64 import decode_base64
from puna.api.tools import ToolFunctionParameters
from puna.chat.messages import Message, Think, Tool, ToolCall
from puna.errors import InvalidInput
from puna.gotext import quote
from puna.services.requests import ChatRequest, Controls, ToolChoice

_EFFORTS = {"low": "low", "medium": "medium", "high": "high", "max": "max", "xhigh": "high"}


def check(request: MessagesRequest) -> None:
    """The fields that must be there, in the order they are asked for.

    Raises:
        InvalidInput: one is missing.
    """
    if not request.model:
        raise InvalidInput("model is required")
    if request.max_tokens <= 0:
        raise InvalidInput("max_tokens is required and must be positive")
    if not request.messages:
        raise InvalidInput("messages is required")


def to_chat(request: MessagesRequest) -> ChatRequest:
    """The request in our form.

    Raises:
        InvalidInput: a block, a tool or a choice that cannot be served.
    """
    messages = [*_system(request.system), *_messages(request.messages)]
    choice, offered = _choice(request.tool_choice)
    tools = [_tool(tool) for tool in request.tools if not tool.type.startswith("web_search")]
    return ChatRequest(
        request.model,
        tuple(messages),
        tuple(tools) if offered else (),
        Controls(
            options=_options(request),
            keep_alive=None if request.keep_alive is None else read_keep_alive(request.keep_alive),
            think=_think(request),
            think_if_able=True,
            format=_format(request),
        ),
        choice,
    )


def _options(request: MessagesRequest) -> dict[str, Any]:
    options = dict(request.options)
    if request.max_tokens > 0:
        options["num_predict"] = request.max_tokens
    for name in ("temperature", "top_p", "top_k", "num_ctx"):
        if getattr(request, name) is not None:
            options[name] = getattr(request, name)
    if request.stop_sequences:
        options["stop"] = request.stop_sequences
    return options


def _think(request: MessagesRequest) -> Think | None:
    kind = request.thinking.type if request.thinking else ""
    if kind in ("enabled", "adaptive"):
        return Think(True)
    if kind == "disabled":
        return Think(False)
    level = _EFFORTS.get(request.output_config.effort if request.output_config else "")
    return Think(True, level) if level else None


def _format(request: MessagesRequest) -> Any:
    """The schema of the answer; ``output_format`` is how it was said at first."""
    config = request.output_config
    form = (config.format if config else None) or request.output_format
    if form is None:
        return None
    if form.type != "json_schema":
        raise InvalidInput(f'output_config.format.type must be "json_schema", not "{form.type}"')
    return form.schema_


def _choice(value: Any) -> tuple[ToolChoice, bool]:
    """What must be called, and whether tools are offered at all."""
    if value is None:
        return ToolChoice(), True
    kind = value.get("type") if isinstance(value, Mapping) else None
    parallel = not (isinstance(value, Mapping) and value.get("disable_parallel_tool_use"))
    match kind:
        case "auto":
            return ToolChoice(parallel=parallel), True
        case "none":
            return ToolChoice(), False
        case "any":
            return ToolChoice(required=True, parallel=parallel), True
        case "tool" if isinstance(value.get("name"), str):
            return ToolChoice(required=True, name=value["name"], parallel=parallel), True
    raise InvalidInput('tool_choice must be {"type": "auto", "any", "none" or "tool" with a name}')


def _system(value: Any) -> Iterator[Message]:
    if isinstance(value, str):
        text = value
    elif isinstance(value, list):
        text = "".join(str(block.get("text", "")) for block in value if isinstance(block, Mapping))
    else:
        return
    if text:
        yield Message("system", text)


def _messages(turns: Sequence[MessageParam]) -> Iterator[Message]:
    names: dict[str, str] = {}
    for turn in turns:
        role = turn.role.lower()
        if isinstance(turn.content, str):
            yield Message(role, turn.content)
        elif turn.content is not None:
            yield from _blocks(role, turn.content, names)


def _blocks(role: str, blocks: Sequence[Any], names: dict[str, str]) -> Iterator[Message]:
    """Results of tools come first, each as a message; the rest is one message."""
    texts, thoughts = [], []
    images: list[bytes] = []
    calls: list[ToolCall] = []
    for block in blocks:
        if not isinstance(block, Mapping):
            continue
        match block.get("type"):
            case "text":
                texts.append(str(block.get("text") or ""))
            case "thinking":
                thoughts.append(str(block.get("thinking") or ""))
            case "image":
                images.append(_image(block.get("source")))
            case "tool_use" | "server_tool_use":
                calls.append(_tool_use(block, len(calls)))
                names[calls[-1].id] = calls[-1].name
            case "tool_result" | "web_search_tool_result":
                yield _tool_result(block, names)
    if texts or thoughts or images or calls:
        yield Message(role, "".join(texts), "".join(thoughts), tuple(images), tuple(calls))


def _image(source: Any) -> bytes:
    if not isinstance(source, Mapping):
        raise InvalidInput("invalid image source")
    kind = source.get("type") or ""
    if kind != "base64":
        raise InvalidInput(f"invalid image source type: {kind}. Only base64 images are supported.")
    try:
        return decode_base64(str(source.get("data") or ""))
    except InvalidInput as error:
        raise InvalidInput(f"invalid base64 image data: {error}") from None


def _tool_use(block: Mapping[str, Any], index: int) -> ToolCall:
    for field in ("id", "name"):
        if not block.get(field):
            raise InvalidInput(f"tool_use block missing required '{field}' field")
    arguments = block.get("input")
    return ToolCall(
        str(block["name"]),
        arguments if isinstance(arguments, dict) else {},
        str(block["id"]),
        index,
    )


def _tool_result(block: Mapping[str, Any], names: Mapping[str, str]) -> Message:
    content = block.get("content")
    texts: list[str] = []
    images: list[bytes] = []
    for part in content if isinstance(content, list) else [{"type": "text", "text": content}]:
        if isinstance(part, Mapping) and part.get("type") == "text":
            texts.append(str(part.get("text") or ""))
        elif isinstance(part, Mapping) and part.get("type") == "image":
            images.append(_image(part.get("source")))
        else:
            texts.append(json.dumps(part, ensure_ascii=False))
    call = str(block.get("tool_use_id") or "")
    return Message(
        "tool",
        "".join(texts),
        images=tuple(images),
        tool_name=names.get(call, ""),
        tool_call_id=call,
    )


def _tool(tool: ToolParam) -> Tool:
    schema = tool.input_schema
    with told_of(f"invalid input_schema for tool {quote(tool.name)}"):
        decode(ToolFunctionParameters, schema)
    function: dict[str, Any] = {"name": tool.name, "description": tool.description}
    if schema is not None:
        function["parameters"] = schema
    if tool.strict is True:
        function["strict"] = True
    return Tool({"type": "function", "function": function})


def estimated_tokens(request: MessagesRequest) -> int:
    """A guess of the prompt's length before it was read: a token per four characters."""
    size = _size(request.system)
    for message in request.messages:
        size += len(message.role) + _size(message.content)
    for tool in request.tools:
        size += len(f"{tool.name}{tool.description}".encode())
        size += 0 if tool.input_schema is None else len(gojson.dumps(tool.input_schema))
    return max(size // 4, 1)


def _size(content: Any) -> int:
    if isinstance(content, str):
        return len(content.encode())
    blocks = content if isinstance(content, list) else []
    return sum(_block_size(block) for block in blocks if isinstance(block, Mapping))


def _block_size(block: Mapping[str, Any]) -> int:
    """The texts of a block; of a call or a result all of it, as JSON."""
    size = sum(len(str(block.get(name) or "").encode()) for name in ("text", "thinking"))
    if block.get("type") in ("tool_use", "tool_result"):
        fields = {name: block[name] for name in ContentBlock.model_fields if block.get(name)}
        size += len(gojson.dumps(fields))
    return size
