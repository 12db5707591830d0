"""Prompts from the Jinja templates of model files.

The variables and the shape of messages are those of Hugging Face's
transformers; a conversation that a template refuses is offered again in the
forms that such templates accept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from types import CodeType
from typing import Any

import jinja2
import msgspec

from puna.chat.messages import Message, Think, Tool, ToolCall
from puna.chat.renderers.metering import TooMuch
from puna.chat.renderers.sandbox import Sandbox, TimeIsUp, deadline
from puna.chat.texts import common_start
from puna.errors import TemplateError

MAX_SOURCE = 1 << 20
"""Characters of the longest template."""
MAX_OUTPUT = 8 << 20
"""Characters of the longest prompt."""
SECONDS = 5.0
"""How long one rendering may take."""

CHATML = """\
{%- for message in messages -%}
<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor -%}
{%- if add_generation_prompt -%}
<|im_start|>assistant
{% endif -%}
"""
"""For models that bring no template."""


@dataclass(frozen=True, slots=True)
class Variables:
    """What a template is rendered with.

    Attributes:
        prefill: the last message is an assistant's and is continued.
        extra: further variables; they win over all others.
    """

    messages: Sequence[Message] = ()
    tools: Sequence[Tool] = ()
    think: Think | None = None
    prefill: bool = False
    bos: str = ""
    eos: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)


class _Arguments(dict[str, Any]):
    """Arguments of a call: an object that reads as its JSON text where text is wanted."""

    def __str__(self) -> str:
        return json.dumps(self, ensure_ascii=False)

    def __add__(self, other: str) -> str:
        return str(self) + other

    def __radd__(self, other: str) -> str:
        return other + str(self)


def render(source: str, variables: Variables, now: datetime) -> str:
    """The prompt of a conversation; an empty source is ChatML.

    Safe to call from any thread. Ends within :data:`SECONDS` and little more.

    Raises:
        TemplateError: a template that does not parse, refuses the conversation
            or takes too much.
    """
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"chat template: longer than {MAX_SOURCE} characters")
    with _faults(), deadline(SECONDS):
        return _first_accepted(source or CHATML, variables, now)


class _faults:  # noqa: N801 - reads as a verb phrase where it is used
    """Turns whatever a template causes into a TemplateError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is None or isinstance(error, TemplateError):
            return
        if isinstance(error, TimeIsUp):
            raise TemplateError(f"chat template: did not end within {SECONDS:g} s") from None
        if isinstance(error, jinja2.TemplateSyntaxError):
            raise TemplateError(f"chat template: line {error.lineno}: {error.message}") from error
        if isinstance(error, RecursionError):
            raise TemplateError("chat template: nested too deeply") from None
        if isinstance(error, _CAUSED):
            text = str(error) or type(error).__name__
            raise TemplateError(f"chat template: {text[:1000]}") from error


_CAUSED = (
    jinja2.TemplateError,
    TooMuch,
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    SyntaxError,
    TypeError,
    ValueError,
)


# ---------------------------------------------------------------- forms of a conversation


def _first_accepted(source: str, variables: Variables, now: datetime) -> str:
    """Render the first form of the conversation that the template takes."""
    refusal: Exception | None = None
    incomplete: str | None = None
    for form, no_tools in _FORMS:
        messages = form(variables.messages)
        try:
            text = _render(source, replace(variables, messages=messages), now, no_tools)
        except (TemplateError, jinja2.UndefinedError, TypeError) as error:
            refusal = refusal or error
            continue
        if _shows_system(text, messages):
            return text
        incomplete = incomplete or text
    if incomplete is not None:
        return incomplete
    assert refusal is not None
    raise refusal


def _shows_system(text: str, messages: Iterable[Message]) -> bool:
    """Whether the start of all system messages is in the prompt."""
    starts = [message.content.strip() for message in messages if message.role == "system"]
    return all(start.partition("\n")[0][:40] in text for start in starts)


def _as_it_is(messages: Sequence[Message]) -> list[Message]:
    return list(messages)


def _system_first(messages: Sequence[Message]) -> list[Message]:
    """All system and developer text in one message at the start."""
    texts = [message.content for message in messages if message.role in _SYSTEM]
    others = [message for message in messages if message.role not in _SYSTEM]
    return [Message("system", "\n\n".join(texts)), *others] if texts else others


_SYSTEM = ("system", "developer")


def _system_in_user(messages: Sequence[Message]) -> list[Message]:
    """System text at the head of the first user message."""
    texts = [message.content for message in messages if message.role in _SYSTEM]
    others = [message for message in messages if message.role not in _SYSTEM]
    if not texts:
        return others
    head = "\n\n".join(texts)
    for place, message in enumerate(others):
        if message.role == "user":
            content = f"{head}\n\n{message.content}"
            others[place] = msgspec.structs.replace(message, content=content)
            return others
    return [Message("user", head), *others]


def _alternating(messages: Sequence[Message]) -> list[Message]:
    """User and assistant in turn, a user first; tool results count as the user's."""
    merged: list[Message] = []
    for message in _system_in_user(messages):
        role = "assistant" if message.role == "assistant" else "user"
        if merged and merged[-1].role == role:
            parts = [part for part in (merged[-1].content, message.content) if part]
            merged[-1] = msgspec.structs.replace(merged[-1], content="\n\n".join(parts))
        else:
            merged.append(msgspec.structs.replace(message, role=role))
    if merged and merged[0].role == "assistant":
        merged.insert(0, Message("user", ""))
    return merged


_FORMS: tuple[tuple[Callable[[Sequence[Message]], list[Message]], list[Any] | None], ...] = (
    (_as_it_is, None),
    (_as_it_is, []),
    (_system_first, None),
    (_system_in_user, None),
    (_alternating, None),
)
"""Forms of the messages, and what ``tools`` is when there are none: transformers
says ``None``, but some templates loop over it."""


# ---------------------------------------------------------------- one rendering


def _render(source: str, variables: Variables, now: datetime, no_tools: list[Any] | None) -> str:
    messages = list(variables.messages)
    last: Message | None = None
    if variables.prefill and messages and messages[-1].role == "assistant":
        last = messages.pop()
    text = _generated(source, _context(messages, variables, no_tools), now)
    return text if last is None else text + _continued(source, text, last)


def _generated(source: str, context: Mapping[str, Any], now: datetime) -> str:
    sandbox = Sandbox()
    sandbox.globals["strftime_now"] = now.strftime
    template = sandbox.template_class.from_code(sandbox, _compiled(source), sandbox.globals)
    parts: list[str] = []
    size = 0
    for part in template.generate(context):
        size += len(part)
        if size > MAX_OUTPUT:
            raise TooMuch("the prompt is too long")
        parts.append(part)
    return "".join(parts)


# ---------------------------------------------------------------- the beginning of an answer


def _continued(source: str, prompt: str, last: Message) -> str:
    """The beginning of an answer, in the state that the prompt left the model in.

    A model that reasons has done so before its text: an answer that begins without gets
    empty reasoning, or the model might reason in the middle of it.
    """
    start, end = _reasoning_marks(source)
    is_open = prompt.rstrip().endswith(start.rstrip() or _USUAL_MARKS[0].rstrip())
    if not end and (last.thinking or is_open):
        start, end = _USUAL_MARKS  # it leaves out the reasoning of earlier answers
    if not end or (not last.thinking and prompt.endswith(end)):
        return last.content
    before = "" if is_open else start
    if not last.content:
        return before + last.thinking if last.thinking else ""
    return before + last.thinking + end + last.content


_USUAL_MARKS = ("<think>\n", "\n</think>\n\n")
_THOUGHT, _TEXT = "a-thought", "a-text"


@lru_cache(maxsize=8)
def _reasoning_marks(source: str) -> tuple[str, str]:
    """What a template writes before and after the reasoning of an answer.

    Found by having it written. The first is empty where the prompt ends with it already, both
    where a template knows no reasoning.
    """
    asked, now = Message("user", "a-question"), datetime.now(UTC)
    answered = Message("assistant", _TEXT, thinking=_THOUGHT)
    whole = {"add_generation_prompt": False}
    try:
        prompt = _generated(source, _context([asked], Variables(), None), now)
        context = _context([asked, answered], Variables(extra=whole), None)
        text = _generated(source, context, now)
    except _CAUSED:
        return "", ""
    before, found, after = text.partition(_THOUGHT)
    end, ended, _ = after.partition(_TEXT)
    if not found or not ended:
        return "", ""
    return before[len(common_start(prompt, before)) :], end


def _context(
    messages: Iterable[Message], variables: Variables, no_tools: list[Any] | None
) -> dict[str, Any]:
    context: dict[str, Any] = {
        "messages": [_message(message) for message in messages],
        "add_generation_prompt": True,
        "bos_token": variables.bos,
        "eos_token": variables.eos,
        "documents": None,
        "tools": [tool.raw for tool in variables.tools] or no_tools,
    }
    if variables.think is not None:
        context["enable_thinking"] = context["thinking"] = variables.think.enabled
        if variables.think.level:
            context["reasoning_effort"] = variables.think.level
    return {**context, **variables.extra}


def _message(message: Message) -> dict[str, Any]:
    found: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.thinking:
        found["reasoning_content"] = found["thinking"] = message.thinking
    if message.tool_calls:
        found["tool_calls"] = [_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        found["tool_call_id"] = message.tool_call_id
    if message.tool_name:
        found["name"] = message.tool_name
    return found


def _call(call: ToolCall) -> dict[str, Any]:
    function = {"name": call.name, "arguments": _Arguments(call.arguments)}
    found: dict[str, Any] = {"type": "function", "function": function}
    return {**found, "id": call.id} if call.id else found


def check(source: str) -> None:
    """Parse a template without rendering it.

    Raises:
        TemplateError: it does not parse.
    """
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"chat template: longer than {MAX_SOURCE} characters")
    with _faults(), deadline(SECONDS):
        _compiled(source)


@lru_cache(maxsize=8)
def _compiled(source: str) -> CodeType:
    return Sandbox().compile(source)
