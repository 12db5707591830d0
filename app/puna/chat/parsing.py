"""Which parser reads the output of a model.

A family has a name. The names of Ollama's built-in parsers are kept, because
model configurations carry them; the others are found by what a template says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from puna.chat.events import Event, TextDelta
from puna.chat.messages import Message, Think, Tool
from puna.chat.parsers import (
    command_r,
    deepseek,
    gemma,
    glm,
    granite,
    mistral,
    python_calls,
    qwen,
    qwen_coder,
)
from puna.chat.parsers.addressed import GLIMMER, HARMONY, AddressedForm, AddressedParser, Body
from puna.chat.parsers.base import OutputParser
from puna.chat.parsers.blocks import (
    BlockForm,
    BlockParser,
    Start,
    closed_by,
    without_thinking,
)
from puna.chat.parsers.llama import LlamaParser
from puna.chat.parsers.plain import PlainParser
from puna.chat.parsers.tagged_tools import TaggedToolParser
from puna.chat.parsers.thinking import ThinkingParser


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How a model writes what is not plain text.

    Attributes:
        family: name of a parser of this module; empty = by the tags below.
        thinking_tags: opening and closing tag of reasoning, None = none.
        tool_tag: what announces a tool call, empty = the model has no form.
        detected: the family was found in a Jinja template, which also decides
            whether the prompt opens the reasoning.
    """

    family: str = ""
    thinking_tags: tuple[str, str] | None = None
    tool_tag: str = ""
    detected: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of one answer before it begins.

    Attributes:
        tools: the tools that were offered; without any, calls stay text.
        think: what was asked, None = nothing.
        last: the last message of the conversation; an assistant's is continued.
        prompt_tail: the end of the rendered prompt.
    """

    tools: Sequence[Tool] = ()
    think: Think | None = None
    last: Message | None = None
    prompt_tail: str = ""

    @property
    def continues_text(self) -> bool:
        """The prompt ends with the beginning of the visible answer."""
        return self.last is not None and self.last.role == "assistant" and bool(self.last.content)

    @property
    def thinks(self) -> bool:
        """Thinking was asked for."""
        return self.think is not None and self.think.enabled


class Chain:
    """One parser after another: text that the first lets through feeds the second."""

    def __init__(self, first: OutputParser, second: OutputParser) -> None:
        self._first = first
        self._second = second
        self.warnings: list[str] = []
        self.reasoning = first.reasoning or second.reasoning

    def feed(self, text: str) -> list[Event]:
        """Events that are certain after ``text``."""
        return self._pass_on(self._first.feed(text))

    def close(self) -> list[Event]:
        """Events for what both still hold back."""
        events = [*self._pass_on(self._first.close()), *self._second.close()]
        self.warnings += [*self._first.warnings, *self._second.warnings]
        return events

    def _pass_on(self, events: list[Event]) -> list[Event]:
        result: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                result += self._second.feed(event.text)
            else:
                result.append(event)
        return result


Build = Callable[[Answer], OutputParser]


def _blocks(form: BlockForm) -> Build:
    """A family that writes in one way whatever was asked."""
    return lambda answer: BlockParser(form, answer.tools)


def _thinking(form: BlockForm, *, unasked: bool) -> Build:
    """A family that reasons when asked; ``unasked``: also when nothing was said."""

    def build(answer: Answer) -> OutputParser:
        wanted = unasked if answer.think is None else answer.think.enabled
        return BlockParser(form if wanted else without_thinking(form), answer.tools)

    return build


def _continued(build: Build, form: BlockForm) -> Build:
    """An answer that continues visible text does not begin with reasoning."""

    def continued(answer: Answer) -> OutputParser:
        if answer.continues_text:
            return BlockParser(without_thinking(form), answer.tools)
        return build(answer)

    return continued


def _silent(form: BlockForm) -> Build:
    """A family that may reason without being asked; then nobody sees it."""

    def build(answer: Answer) -> OutputParser:
        asked = replace(form, silent_thinking=not answer.thinks)
        if answer.continues_text:
            asked = replace(asked, prelude=None)
        starts = answer.thinks and form is glm.LAGUNA and not answer.continues_text
        return BlockParser(replace(asked, start=Start.THINKING) if starts else asked, answer.tools)

    return build


def _glm(answer: Answer) -> OutputParser:
    form = glm.GLM
    if answer.think is not None and not answer.think.enabled:
        form = replace(form, start=Start.TEXT, reopened=True)
    return BlockParser(form, answer.tools)


def _addressed(form: AddressedForm, *, silent: bool) -> Build:
    def build(answer: Answer) -> OutputParser:
        begins = None
        if answer.last is not None and answer.last.role == "assistant":
            begins = Body.TEXT if answer.last.content else None
            if not answer.last.content and answer.last.thinking:
                begins = Body.THINKING
        quiet = silent and answer.think is not None and not answer.think.enabled
        return AddressedParser(form, answer.tools, begins=begins, silent_thinking=quiet)

    return build


def _command(answer: Answer) -> OutputParser:
    if answer.continues_text:
        return BlockParser(without_thinking(command_r.THINKING), answer.tools)
    form = command_r.THINKING
    if answer.think is not None and not answer.think.enabled:
        # The prompt closed the reasoning; some answers close it once more.
        dropped = (*form.dropped, "<|END_THINKING|>")
        form = replace(form, start=Start.TEXT, silent_thinking=True, dropped=dropped)
    return BlockParser(form, answer.tools)


OLMO_THINKING = replace(qwen.VL_THINKING, call_tags=())

PARSERS: Mapping[str, Build] = {
    "cogito": _thinking(replace(deepseek.THINKING, start=Start.TEXT), unasked=False),
    "cohere": _command,
    "deepseek3": _continued(_thinking(deepseek.THINKING, unasked=False), deepseek.THINKING),
    "functiongemma": _blocks(gemma.FUNCTION),
    "gemma4": _silent(gemma.GEMMA4),
    "gemma4-no-thinking": _blocks(replace(gemma.GEMMA4, silent_thinking=True)),
    "glimmer": _addressed(GLIMMER, silent=True),
    "glm-4.7": _glm,
    "glm-ocr": _blocks(glm.OCR),
    "granite": _blocks(granite.GRANITE),
    "harmony": _addressed(HARMONY, silent=False),
    "hermes": _blocks(qwen.HERMES),
    "laguna": _silent(glm.LAGUNA),
    "lfm2": _blocks(python_calls.LFM),
    "lfm2-thinking": _thinking(python_calls.LFM_THINKING, unasked=False),
    "llama": lambda answer: LlamaParser(answer.tools),
    "ministral": _blocks(mistral.MISTRAL),
    "nemotron-3-nano": _continued(
        _thinking(qwen_coder.THINKING, unasked=True), qwen_coder.THINKING
    ),
    "nemotron-3.5-nano": _continued(
        _thinking(qwen_coder.THINKING, unasked=True), qwen_coder.THINKING
    ),
    "olmo3": _blocks(python_calls.OLMO),
    "olmo3-think": _continued(_blocks(OLMO_THINKING), OLMO_THINKING),
    "ornith": _continued(_thinking(qwen_coder.THINKING, unasked=True), qwen_coder.THINKING),
    "passthrough": lambda answer: PlainParser(),
    "poolside-v1": _silent(glm.LAGUNA),
    "qwen3": _blocks(qwen.INSTRUCT),
    "qwen3-coder": _blocks(qwen_coder.CODER),
    "qwen3-thinking": _thinking(qwen.THINKING, unasked=True),
    "qwen3-vl-instruct": _blocks(qwen.INSTRUCT),
    "qwen3-vl-thinking": _blocks(qwen.VL_THINKING),
    "qwen3.5": _continued(_thinking(qwen_coder.THINKING, unasked=True), qwen_coder.THINKING),
}
"""Parsers by family name."""

_CANNOT_CALL = frozenset({"olmo3-think", "passthrough"})
_REASON = frozenset(
    {
        "cogito",
        "cohere",
        "deepseek3",
        "gemma4",
        "glimmer",
        "glm-4.7",
        "harmony",
        "laguna",
        "lfm2-thinking",
        "nemotron-3-nano",
        "nemotron-3.5-nano",
        "olmo3-think",
        "ornith",
        "poolside-v1",
        "qwen3-thinking",
        "qwen3-vl-thinking",
        "qwen3.5",
    }
)

# What a template says → the family that writes so; the first match counts.
_MARKS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("<|start|>", "<|channel|>", "<|message|>"), "harmony"),
    (("<function=", "<parameter="), "qwen3-coder"),
    (("<arg_key>", "<arg_value>"), "laguna"),
    (("<｜tool▁calls▁begin｜>",), "deepseek3"),
    (("<|START_ACTION|>",), "cohere"),
    (("<|tool_call_start|>",), "lfm2"),
    (("<function_calls>",), "olmo3"),
    (("<start_function_call>",), "functiongemma"),
    (("<|tool_call>call:",), "gemma4"),
    (("[TOOL_CALLS]",), "ministral"),
    (("<tool_call>",), "hermes"),
    (("<|tool_call|>",), "granite"),
    (("<|python_tag|>",), "llama"),
    (("ipython", '"parameters"'), "llama"),
)


def abilities_of(family: str) -> tuple[str, ...]:
    """What a model can do because its configuration names a parser.

    Source: contract ``ollama-store-registry-cli`` 5.5.
    """
    if family not in PARSERS:
        return ()
    tools = () if family in _CANNOT_CALL else ("tools",)
    return (*tools, "thinking") if family in _REASON else tools


def family_of(template: str) -> str:
    """The family whose notation of calls a chat template shows, or ``""``."""
    return next((family for marks, family in _MARKS if all(mark in template for mark in marks)), "")


_TEXT_ONLY = BlockForm((), closed_by(), qwen.read_calls)

_DETECTED: Mapping[str, BlockForm] = {
    "deepseek3": deepseek.THINKING,
    "functiongemma": gemma.FUNCTION,
    "gemma4": gemma.GEMMA4,
    "granite": granite.GRANITE,
    "hermes": without_thinking(qwen.HERMES),
    "laguna": glm.LAGUNA,
    "lfm2": python_calls.LFM,
    "ministral": mistral.MISTRAL,
    "olmo3": python_calls.OLMO,
    "qwen3-coder": qwen_coder.CODER,
}


def _opens(answer: Answer, opening: str) -> bool:
    """The prompt ends inside the reasoning."""
    return answer.prompt_tail.rstrip().endswith(opening.rstrip())


def _by_template(form: OutputFormat, answer: Answer) -> OutputParser:
    """A family whose template says where the reasoning begins."""
    found = _DETECTED.get(form.family, _TEXT_ONLY)
    tags = form.thinking_tags or found.thinking
    if answer.think is not None and not answer.think.enabled:
        tags = None
    label = found.label if tags == found.thinking else ""
    inside = tags is not None and any(_opens(answer, tags[0] + end) for end in ("", label))
    block = replace(
        found,
        call_tags=found.call_tags if answer.tools else (),
        thinking=tags,
        label=label,
        start=Start.THINKING if inside else Start.TEXT,
        reopened=True,
        prelude=None,
        trim=False,
    )
    parser = BlockParser(block, answer.tools)
    if form.family in _DETECTED or not (answer.tools and form.tool_tag):
        return parser
    return Chain(parser, TaggedToolParser(form.tool_tag, answer.tools))


def parser_for(form: OutputFormat, answer: Answer) -> OutputParser:
    """The parser for one answer.

    Thinking tags of a model without a family are split off unless thinking was
    switched off; an opening tag at the end of the prompt means that the answer
    begins inside the reasoning.
    """
    if form.detected and (form.family in _DETECTED or form.family not in PARSERS):
        return _by_template(form, answer)
    build = PARSERS.get(form.family)
    if build is not None:
        return build(answer)
    parsers: list[OutputParser] = []
    if form.thinking_tags is not None and (answer.think is None or answer.think.enabled):
        opening, closing = form.thinking_tags
        parsers.append(ThinkingParser(opening, closing, inside=_opens(answer, opening)))
    if answer.tools and form.tool_tag:
        parsers.append(TaggedToolParser(form.tool_tag, answer.tools))
    if not parsers:
        return PlainParser()
    parser = parsers[0]
    for following in parsers[1:]:
        parser = Chain(parser, following)
    return parser
