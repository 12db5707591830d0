"""How families write tool calls, for answers that must be one.

A grammar can only force what it can spell: a call is text, the arguments as
JSON, and text again. Families that write arguments in a notation of their own
are made to write JSON between Hermes tags, which is read back accordingly.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from puna.chat.call_grammar import Alternative, CallGrammar
from puna.chat.messages import Tool
from puna.chat.parsing import OutputFormat

_TAG = re.compile(r"[<\[][^<>\[\]]*tool[^<>\[\]]*[>\]]", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Notation:
    """One way to write ``opening (before NAME middle ARGUMENTS after)+ closing``.

    Attributes:
        separator: between two calls.
        single: the reader expects one call.
        quoted: the name stands in a JSON string.
    """

    before: str
    middle: str
    after: str = ""
    opening: str = ""
    separator: str = ""
    closing: str = ""
    single: bool = False
    quoted: bool = True

    def begun(self) -> Begun | None:
        """How to tell that a call has begun; ``None`` where nothing tells."""
        start = self.opening + self.before
        if tag := _TAG.match(start):
            return Begun(tag.group(), self._without(tag.group()))
        is_json = start.startswith(("{", "["))
        return Begun(start, self._without(start), at_start=True) if is_json else None

    def _without(self, start: str) -> Notation:
        """What follows the ``start`` of the first call."""
        if self.opening and len(start) <= len(self.opening):
            return replace(self, opening=self.opening.removeprefix(start))
        taken = start.removeprefix(self.opening)
        rest = self.before.removeprefix(taken)
        return replace(self, opening="", before=rest, separator=self.separator + taken)

    def grammar(self, tools: Sequence[Tool], most: int, *, strict: bool = True) -> CallGrammar:
        """The calls of ``tools`` in this notation.

        Without ``strict`` only tools that are strict themselves must get what their schema says.
        """
        return CallGrammar(
            tuple(self._alternative(tool, strict=strict or tool.is_strict) for tool in tools),
            self.opening,
            self.separator,
            self.closing,
            1 if self.single else most,
        )

    def _alternative(self, tool: Tool, *, strict: bool) -> Alternative:
        name = json.dumps(tool.name, ensure_ascii=False)[1:-1] if self.quoted else tool.name
        before = f"{self.before}{name}{self.middle}"
        schema = _arguments_schema(tool.parameters if strict else {})
        return Alternative(before, schema, self.after)


@dataclass(frozen=True, slots=True)
class Begun:
    """A call that a model was free to make has begun.

    Attributes:
        text: what tells.
        notation: of what follows the text.
        at_start: the text is the beginning of JSON, and tells only where nothing is said before it.
    """

    text: str
    notation: Notation
    at_start: bool = False


def _arguments_schema(parameters: Mapping[str, object]) -> str:
    """Arguments are an object, also where a client forgot to say so."""
    return json.dumps({**parameters, "type": "object"}, ensure_ascii=False)


def _json_call(arguments: str) -> tuple[str, str, str]:
    return '{"name": "', f'", "{arguments}": ', "}"


_BEFORE, _MIDDLE, _AFTER = _json_call("arguments")

HERMES_TAG = "<tool_call>"
HERMES = Notation(f"{HERMES_TAG}\n{_BEFORE}", _MIDDLE, f"{_AFTER}\n</tool_call>", separator="\n")
MISTRAL = Notation("[TOOL_CALLS]", "[ARGS]", quoted=False)
MISTRAL_LIST = Notation(
    _BEFORE, _MIDDLE, _AFTER, opening="[TOOL_CALLS][", separator=", ", closing="]"
)
GRANITE = replace(MISTRAL_LIST, opening="<|tool_call|>[")
LLAMA = Notation(*_json_call("parameters"), single=True)
DEEPSEEK = Notation(
    "<｜tool▁call▁begin｜>",
    "<｜tool▁sep｜>",
    "<｜tool▁call▁end｜>",
    opening="<｜tool▁calls▁begin｜>",
    closing="<｜tool▁calls▁end｜>",
    quoted=False,
)
DEEPSEEK_FENCED = replace(
    DEEPSEEK,
    before="<｜tool▁call▁begin｜>function<｜tool▁sep｜>",
    middle="\n```json\n",
    after="\n```<｜tool▁call▁end｜>",
    separator="\n",
)
# The tag that ends a call is the end of the answer, which no grammar spells.
HARMONY = Notation(
    "<|channel|>commentary to=functions.",
    " <|constrain|>json<|message|>",
    single=True,
    quoted=False,
)

_BY_FAMILY: Mapping[str, Notation] = {
    "cogito": DEEPSEEK_FENCED,
    "deepseek3": DEEPSEEK,
    "granite": GRANITE,
    "harmony": HARMONY,
    "hermes": HERMES,
    "llama": LLAMA,
    "ministral": MISTRAL,
    "nemotron-3-nano": HERMES,
    "nemotron-3.5-nano": HERMES,
    "ornith": HERMES,
    "qwen3": HERMES,
    "qwen3-coder": HERMES,
    "qwen3-thinking": HERMES,
    "qwen3-vl-instruct": HERMES,
    "qwen3-vl-thinking": HERMES,
    "qwen3.5": HERMES,
}


def notation_of(output: OutputFormat, template: str) -> tuple[Notation, OutputFormat]:
    """How a model is to write calls, and how what it writes is read.

    Args:
        output: how its answers are read otherwise.
        template: the text of its chat template, which tells old notations from new ones.
    """
    found = _BY_FAMILY.get(output.family)
    if found is not None:
        return _of_age(found, template), output
    if not output.family and output.tool_tag:
        return _tagged(output.tool_tag, template), output
    return HERMES, OutputFormat("", output.thinking_tags, HERMES_TAG)


def _of_age(notation: Notation, template: str) -> Notation:
    if notation is MISTRAL and "[TOOL_CALLS]" in template and "[ARGS]" not in template:
        return MISTRAL_LIST
    if notation is DEEPSEEK and "```json" in template:
        return DEEPSEEK_FENCED
    return notation


def _tagged(tag: str, template: str) -> Notation:
    """JSON behind the tag that the template shows; a bracket is part of the JSON."""
    key = "parameters" if '"parameters"' in template else "arguments"
    call = Notation(*_json_call(key))
    if tag == HERMES_TAG:
        return HERMES
    if tag.startswith("{"):
        return replace(call, single=True)
    if tag.startswith("["):
        return replace(call, opening="[", separator=", ", closing="]")
    return replace(call, opening=tag, single=True)
