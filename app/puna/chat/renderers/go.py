"""Prompts from Ollama's Go templates.

Source: the rules of Ollama's template package; where its last legacy turn
loses functions, defined templates or the ``else`` part, this one keeps them.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec

from puna.chat.messages import Message, Think, Tool
from puna.chat.renderers.go_data import messages_value, tools_value
from puna.chat.renderers.go_functions import NAMES, functions
from puna.errors import TemplateError
from puna.gotemplate import nodes
from puna.gotemplate.evaluator import execute
from puna.gotemplate.functions import BUILTINS
from puna.gotemplate.parser import Forest, parse
from puna.gotemplate.state import DEFAULT_LIMITS, Limits, MissingKey
from puna.gotemplate.trampoline import Call, run

MAX_SOURCE = 1 << 20
"""Characters of the longest template."""

_KNOWN = frozenset({*BUILTINS, *NAMES})


@dataclass(frozen=True, slots=True)
class GoTemplate:
    """A parsed template.

    Attributes:
        variables: lower-cased names of all fields and variables it mentions.
    """

    forest: Forest
    variables: frozenset[str]

    @property
    def uses_messages(self) -> bool:
        """Renders a whole conversation at once; others are run once per turn."""
        return "messages" in self.variables


@dataclass(frozen=True, slots=True)
class Values:
    """What a template is rendered with; ``tools`` ``None`` prints as ``null``."""

    messages: Sequence[Message] = ()
    tools: Sequence[Tool] | None = None
    prompt: str = ""
    suffix: str = ""
    think: Think | None = None


@lru_cache(maxsize=8)
def load(source: str) -> GoTemplate:
    """Parse a template; one that never mentions the answer gets it appended.

    Raises:
        TemplateError: with Go's text.
    """
    if len(source) > MAX_SOURCE:
        raise TemplateError(f"template: longer than {MAX_SOURCE} characters")
    forest = parse(source, _KNOWN)
    variables = _variables(forest)
    if not variables & {"messages", "response"}:
        _append_response(forest.trees[""], len(source))
        variables |= {"response"}
    return GoTemplate(forest, variables)


def render(
    template: GoTemplate, values: Values, now: datetime, limits: Limits = DEFAULT_LIMITS
) -> str:
    """The prompt of a conversation.

    Raises:
        TemplateError: with Go's text.
    """
    data: dict[str, Any]
    if values.prompt and values.suffix:
        data = {"Prompt": values.prompt, "Suffix": values.suffix, "Response": ""}
        return _run(template.forest, {**data, **_think(values.think)}, now, limits)
    system, messages = collate(values.messages)
    if template.uses_messages:
        data = {
            "System": system,
            "Messages": messages_value(messages),
            "Tools": tools_value(values.tools),
            "Response": "",
        }
        return _run(template.forest, {**data, **_think(values.think)}, now, limits)
    return _render_turns(template.forest, messages, values.think, now, limits)


def collate(messages: Iterable[Message]) -> tuple[str, list[Message]]:
    """All system text, and the messages with neighbours of one role merged."""
    system: list[str] = []
    merged: list[Message] = []
    for message in messages:
        if message.role == "system":
            system.append(message.content)
        if merged and merged[-1].role == message.role != "tool":
            content = f"{merged[-1].content}\n\n{message.content}"
            merged[-1] = msgspec.structs.replace(merged[-1], content=content)
        else:
            merged.append(message)
    return "\n\n".join(system), merged


def mentioned(node: nodes.Node) -> Iterable[str]:
    """Names of fields and variables in a node, as written; conditions included."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        match found:
            case nodes.Field(names=names) | nodes.Variable(names=names):
                yield from names
            case nodes.Invoke(pipe=None):
                raise TemplateError("undefined template specified")
            case nodes.Pipe(commands=commands):
                waiting.extend(word for command in commands for word in command.words)
            case nodes.Chain():
                pass
            case _:
                waiting.extend(nodes.children(found))


def _variables(forest: Forest) -> frozenset[str]:
    trees = forest.trees.values()
    return frozenset(name.lower() for tree in trees for name in mentioned(tree))


def _append_response(root: nodes.Sequence, position: int) -> None:
    field = nodes.Field(position, ["Response"])
    pipe = nodes.Pipe(position, commands=[nodes.Command(position, [field])])
    root.nodes.append(nodes.Action(position, pipe))


def _think(think: Think | None) -> dict[str, Any]:
    return {
        "Think": think is not None and think.enabled,
        "ThinkLevel": "" if think is None else think.level,
        "IsThinkSet": think is not None,
    }


def _run(
    forest: Forest,
    data: Mapping[str, Any],
    now: datetime,
    limits: Limits,
    missing_key: MissingKey = MissingKey.ZERO,
) -> str:
    return execute(forest, data, functions(now), missing_key=missing_key, limits=limits)


# ---------------------------------------------------------------- one run per turn


def _render_turns(
    forest: Forest,
    messages: Sequence[Message],
    think: Think | None,
    now: datetime,
    limits: Limits,
) -> str:
    parts: list[str] = []
    budget = _Budget(limits)
    turn = {"System": "", "Prompt": "", "Response": ""}
    for message in messages:
        slot = _SLOTS.get(message.role)
        if slot is None:
            continue
        if any(turn[later] for later in _FLUSHED_BY[slot]):
            data = {**turn, **_think(think)}
            parts.append(_run(forest, data, now, budget.left(parts)))
            turn = dict.fromkeys(turn, "")
        turn[slot] = message.content
    last = Forest(forest.source, {**forest.trees, "": cut_at_response(forest.trees[""])})
    data = {**turn, **_think(think)}
    parts.append(_run(last, data, now, budget.left(parts), MissingKey.DEFAULT))
    return "".join(parts)


class _Budget:
    """The limits of one rendering, shared by all its turns."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._started = time.monotonic()

    def left(self, parts: Iterable[str]) -> Limits:
        """What the next turn may cost after these parts."""
        seconds = self._limits.seconds - (time.monotonic() - self._started)
        output = self._limits.output - sum(map(len, parts))
        return replace(self._limits, seconds=max(seconds, 0.0), output=output)


_SLOTS = {"system": "System", "user": "Prompt", "assistant": "Response"}
_FLUSHED_BY = {"System": ("Prompt", "Response"), "Prompt": ("Response",), "Response": ()}


def cut_at_response(root: nodes.Sequence) -> nodes.Sequence:
    """The template up to and with its first ``.Response``; all of it if there is none."""
    return run(_Cut().sequence(root))


class _Cut:
    """Copies nodes until ``.Response`` was copied."""

    def __init__(self) -> None:
        self._done = False

    def sequence(self, sequence: nodes.Sequence) -> Call[nodes.Sequence]:
        """The nodes of a sequence that come before the cut."""
        kept: list[nodes.Node] = []
        for node in sequence.nodes:
            if self._done:
                break
            copied = node
            if isinstance(node, nodes.Branch):
                copied = yield self._branch(node)
            elif isinstance(node, nodes.Action):
                self._done = _answers(node)
            kept.append(copied)
        return nodes.Sequence(sequence.position, kept)

    def _branch(self, node: nodes.Branch) -> Call[nodes.Branch]:
        kept = copy.copy(node)
        kept.body = yield self.sequence(node.body)
        in_body, self._done = self._done, False
        if node.otherwise is not None:
            kept.otherwise = yield self.sequence(node.otherwise)
        self._done |= in_body
        return kept


def _answers(node: nodes.Action) -> bool:
    return any(
        isinstance(found, nodes.Field) and "Response" in found.names for found in nodes.walk(node)
    )
