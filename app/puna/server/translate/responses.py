"""The OpenAI Responses dialect: requests into ours.

Source: contract ``ollama-http-api`` 6.5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from puna.api.decoding import decode
from puna.api.faults import told_of
from puna.api.fields import read_keep_alive
from puna.api.responses import ResponsesRequest, ResponsesTool
from puna.api.tools import ToolFunctionParameters
from puna.chat.messages import Message, Think, Tool
from puna.errors import InvalidInput
from puna.server.translate.efforts import think_of
from puna.server.translate.responses_input import input_messages
from puna.services.requests import ChatRequest, Controls, ToolChoice


def to_chat(request: ResponsesRequest) -> ChatRequest:
    """The request in our form.

    Raises:
        InvalidInput: an item, a tool or a choice that cannot be served.
    """
    messages: list[Message] = []
    if request.instructions:
        messages.append(Message("system", request.instructions))
    messages += input_messages(request.input)
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


def _tools(tools: Sequence[ResponsesTool]) -> Iterator[Tool]:
    """The functions; kinds that run on somebody's server are left out."""
    for tool in tools:
        if tool.type == "namespace":
            yield from (_within(tool.name, inner) for inner in _tools(tool.tools))
        elif not tool.type.startswith("web_search"):
            yield _tool(tool)


def _within(namespace: str, tool: Tool) -> Tool:
    prefix = f"{namespace}." if namespace else ""
    if tool.name.startswith(prefix):
        return tool
    return Tool({**tool.raw, "function": {**tool.raw["function"], "name": prefix + tool.name}})


def _tool(tool: ResponsesTool) -> Tool:
    function: dict[str, Any] = {"name": tool.name, "description": tool.description or ""}
    if tool.parameters is not None:
        with told_of("failed to unmarshal tool parameters"):
            decode(ToolFunctionParameters, tool.parameters)
        function["parameters"] = tool.parameters
    if tool.strict:
        function["strict"] = True
    return Tool({"type": tool.type, "function": function})
