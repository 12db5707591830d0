"""Answers that have to be tool calls, with models that know tools and with those that do not.

A model whose template has no place for tools reads of them in a system
message, and of earlier calls and their results in plain turns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from msgspec import structs

from puna.api.gojson import dumps
from puna.chat.call_grammar import CallGrammar
from puna.chat.call_notation import notation_of
from puna.chat.messages import Message, Tool, ToolCall
from puna.errors import InvalidInput
from puna.services.profile import Profile
from puna.services.requests import ChatRequest, ToolChoice

_MOST = 8
_INTRODUCTION = (
    "You can call these functions. Answer with calls only, each a JSON object with the "
    'keys "name" and "arguments" between <tool_call> and </tool_call>.\n'
)


@dataclass(frozen=True, slots=True)
class Forced:
    """How the calls are written.

    Attributes:
        profile: the model with the reader of that notation.
    """

    grammar: CallGrammar
    profile: Profile


NOT_HELD = "nothing tells where a call of this model begins: strict tools are not enforced"


@dataclass(frozen=True, slots=True)
class StrictCalls:
    """What has to follow the ``start`` of a call; ``at_start`` as in a constraint."""

    start: str
    at_start: bool
    grammar: CallGrammar


def forced(request: ChatRequest, profile: Profile) -> Forced | None:
    """What the answer is held to; ``None`` when the model may say what it likes.

    Raises:
        InvalidInput: a call is required and nothing fits.
    """
    choice = request.tool_choice
    if not choice.required:
        return None
    tools = _callable(request.tools, choice)
    notation, output = notation_of(profile.output, profile.template.source)
    one = bool(choice.name) or not choice.parallel or not profile.can("tools")
    grammar = notation.grammar(tools, 1 if one else _MOST)
    return Forced(grammar, replace(profile, output=output))


def strict(request: ChatRequest, profile: Profile) -> StrictCalls | None:
    """What calls are held to that a model is free to make, when a tool wants that.

    ``None`` also where nothing tells the beginning of a call from text.
    """
    tools = [tool for tool in request.tools if tool.name]
    if not any(tool.is_strict for tool in tools):
        return None
    notation, output = notation_of(profile.output, profile.template.source)
    begun = notation.begun()
    if begun is None or output != profile.output:
        return None
    most = _MOST if request.tool_choice.parallel else 1
    grammar = begun.notation.grammar(tools, most, strict=False)
    return StrictCalls(begun.text, begun.at_start, grammar)


def _callable(tools: tuple[Tool, ...], choice: ToolChoice) -> list[Tool]:
    found = [tool for tool in tools if tool.name and choice.name in ("", tool.name)]
    if found:
        return found
    if choice.name:
        raise InvalidInput(f"tool_choice names {choice.name!r}, which is not among the tools")
    raise InvalidInput("tool_choice requires a call, but the request has no tools")


def described(request: ChatRequest, own_system: str) -> ChatRequest:
    """The request for a model that does not know tools: they are told in words.

    They follow the system prompt of the request, or else the model's own one.
    """
    tools = "\n".join(dumps(tool.raw).decode() for tool in request.tools)
    messages = [_in_words(message) for message in request.messages]
    first = Message("system", own_system)
    if messages and messages[0].role == "system":
        first = messages.pop(0)
    content = f"{first.content}\n\n{_INTRODUCTION}{tools}".lstrip()
    system = structs.replace(first, content=content)
    return replace(request, messages=(system, *messages), tools=())


def _in_words(message: Message) -> Message:
    if message.role == "tool":
        content = f"<tool_response>\n{message.content}\n</tool_response>"
        return Message("user", content, images=message.images)
    if message.tool_calls:
        calls = "\n".join(map(_call_text, message.tool_calls))
        content = f"{message.content}\n{calls}".strip()
        return structs.replace(message, content=content, tool_calls=())
    return message


def _call_text(call: ToolCall) -> str:
    found = dumps({"name": call.name, "arguments": dict(call.arguments)}).decode()
    return f"<tool_call>\n{found}\n</tool_call>"
