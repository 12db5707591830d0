"""What templates can do, found in their source, and which one a model uses.

Source: Ollama's rules for capabilities, thinking tags and tool tags of Go
templates; its preference between the Go template of a model's manifest and the
Jinja template of its GGUF file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from puna.chat.renderers import go
from puna.errors import TemplateError
from puna.gotemplate import nodes

Capability = Literal["tools", "insert", "thinking"]
Mode = Literal["auto", "go", "jinja"]

ANY_OBJECT = "{"
"""Tool tag of templates that announce calls by nothing but their JSON."""

_JINJA_THINKING = (
    ("<think>", "</think>"),
    ("[THINK]", "[/THINK]"),
    ("<seed:think>", "</seed:think>"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
)
_SPLITS_THINKING = re.compile(r"split\(\s*['\"]</think>['\"]")
_JINJA_TOOL_TAG = re.compile(
    r"<tool_call>|\[TOOL_CALLS\]|<\|tool_call\|>|<\|tool_call_start\|>|<\|python_tag\|>"
    r"|<function_calls>|<｜tool▁calls▁begin｜>"
)


@dataclass(frozen=True, slots=True)
class TemplateInfo:
    """What a template does.

    Attributes:
        capabilities: in Ollama's order.
        thinking_tags: what it puts around reasoning, None = it shows none.
        tool_tag: the text that announces a tool call; ``{`` = any JSON object.
        round_trip: offers tools, and shows earlier calls and their results.
        uses_messages: renders a conversation at once (always, for Jinja).
    """

    capabilities: tuple[Capability, ...] = ()
    thinking_tags: tuple[str, str] | None = None
    tool_tag: str = ANY_OBJECT
    round_trip: bool = False
    uses_messages: bool = True


@dataclass(frozen=True, slots=True)
class TemplateChoice:
    """The template that a model uses; an empty Jinja source is ChatML."""

    kind: Literal["jinja", "go"]
    source: str
    info: TemplateInfo


# ---------------------------------------------------------------- Go


def inspect_go(source: str) -> TemplateInfo:
    """What a Go template does.

    Raises:
        TemplateError: it does not parse.
    """
    template = go.load(source)
    root = template.forest.trees[""]
    tags = _thinking_tags(root)
    capabilities: list[Capability] = []
    if "tools" in template.variables:
        capabilities.append("tools")
    if "suffix" in template.variables:
        capabilities.append("insert")
    if tags is not None:
        capabilities.append("thinking")
    return TemplateInfo(
        tuple(capabilities),
        tags,
        _tool_tag(root),
        {"tools", "toolcalls"} <= template.variables and _knows_results(root),
        template.uses_messages,
    )


def _thinking_tags(root: nodes.Sequence) -> tuple[str, str] | None:
    """The texts around ``.Thinking`` in a loop over ``.Messages``; the last one counts."""
    opening = closing = ""
    for sequence, loop in _thinking_places(root):
        if loop is None or not _mentions(loop.pipe, "Messages"):
            continue
        first, last = sequence.nodes[0], sequence.nodes[-1]
        if isinstance(first, nodes.Text):
            opening = first.text.strip()
        if isinstance(last, nodes.Text):
            closing = last.text.strip()
    return (opening, closing) if opening and closing else None


def _thinking_places(
    root: nodes.Sequence,
) -> Iterator[tuple[nodes.Sequence, nodes.Range | None]]:
    """For each ``.Thinking``: the nodes it is among and the loop it is in."""
    waiting: list[tuple[nodes.Node, nodes.Sequence, nodes.Range | None]] = [(root, root, None)]
    while waiting:
        node, sequence, loop = waiting.pop()
        if isinstance(node, nodes.Field) and node.names[0] == "Thinking":
            yield sequence, loop
        if isinstance(node, nodes.Sequence):
            sequence = node
        if isinstance(node, nodes.Range):
            loop = node
        if not isinstance(node, nodes.Chain):
            waiting.extend((found, sequence, loop) for found in reversed(nodes.children(node)))


def _mentions(pipe: nodes.Pipe, name: str) -> bool:
    return any(
        isinstance(found, nodes.Field) and found.names[0] == name for found in nodes.walk(pipe)
    )


def _knows_results(root: nodes.Sequence) -> bool:
    """Whether the template looks for the role of tool results, or prints any role."""
    return any(
        isinstance(found, nodes.String) and found.text == "tool" for found in nodes.walk(root)
    )


def _tool_tag(root: nodes.Sequence) -> str:
    """The first text after ``{{ if .ToolCalls }}``, up to a brace."""
    branch = _tool_branch(root)
    text = None if branch is None else _first_text(branch.body.nodes)
    if text is None:
        return ANY_OBJECT
    tag = text.replace("\r\n", "\n").partition("{")[0].strip()
    return tag or ANY_OBJECT


def _tool_branch(root: nodes.Sequence) -> nodes.If | None:
    waiting: list[nodes.Node] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.If) and _asks_for_calls(node.pipe):
            return node
        inside: Iterable[nodes.Node] = ()
        if isinstance(node, nodes.Sequence):
            inside = node.nodes
        elif isinstance(node, nodes.Branch):
            inside = (node.body,) if node.otherwise is None else (node.body, node.otherwise)
        waiting.extend(reversed(tuple(inside)))
    return None


def _asks_for_calls(pipe: nodes.Pipe) -> bool:
    return any(
        isinstance(word, nodes.Field) and "ToolCalls" in word.names
        for command in pipe.commands
        for word in command.words
    )


def _first_text(found: Sequence[nodes.Node]) -> str | None:
    """The first visible text; nothing after an action or a branch without text counts."""
    waiting = list(reversed(found))
    while waiting:
        node = waiting.pop()
        if isinstance(node, nodes.Text):
            if node.text.strip():
                return node.text
        elif isinstance(node, nodes.Branch):
            inside = [*node.body.nodes, *(node.otherwise.nodes if node.otherwise else ())]
            waiting = list(reversed(inside))
        elif isinstance(node, nodes.Action):
            return None
    return None


# ---------------------------------------------------------------- Jinja


def inspect_jinja(source: str) -> TemplateInfo:
    """What a Jinja template does, as far as its text tells."""
    capabilities: list[Capability] = []
    if "tools" in source or "tool_call" in source:
        capabilities.append("tools")
    tags = next((pair for pair in _JINJA_THINKING if all(tag in source for tag in pair)), None)
    if tags is None and _SPLITS_THINKING.search(source) and "reasoning_content" not in source:
        tags = _JINJA_THINKING[0]
    if tags is not None:
        capabilities.append("thinking")
    found = _JINJA_TOOL_TAG.search(source)
    return TemplateInfo(
        tuple(capabilities),
        tags,
        found.group() if found else ANY_OBJECT,
        "tools" in source and "tool_calls" in source and _names_tool_role(source),
    )


def sought_tags(source: str) -> frozenset[str]:
    """The thinking tags that a Jinja template looks for in the text of messages.

    Such a template takes old reasoning out of answers by itself, so it must see
    the tags as they are.
    """
    return frozenset(
        tag for pair in _JINJA_THINKING if any(_seeks(source, tag) for tag in pair) for tag in pair
    )


def _seeks(source: str, tag: str) -> bool:
    quoted = f"['\"]{re.escape(tag)}['\"]"
    return re.search(rf"split\(\s*{quoted}|{quoted}\s+in\b", source) is not None


def _names_tool_role(source: str) -> bool:
    return "'tool'" in source or '"tool"' in source or "tool_response" in source


# ---------------------------------------------------------------- the choice


def choose(go_source: str | None, jinja_source: str | None, mode: Mode = "auto") -> TemplateChoice:
    """The template to use.

    Args:
        go_source: the model's own TEMPLATE, None = it has none.
        jinja_source: ``tokenizer.chat_template`` of the GGUF, None = it has none.
        mode: ``OLLAMA_GO_TEMPLATE``: unset, 1 or 0.

    Raises:
        TemplateError: the only template there is does not parse.
    """
    if not go_source:
        return _jinja(jinja_source or "")
    if jinja_source is None or mode == "go":
        return TemplateChoice("go", go_source, inspect_go(go_source))
    jinja = _jinja(jinja_source)
    if mode == "jinja":
        return jinja
    try:
        own = inspect_go(go_source)
    except TemplateError:
        return jinja
    return jinja if _better(jinja.info, own) else TemplateChoice("go", go_source, own)


def _jinja(source: str) -> TemplateChoice:
    return TemplateChoice("jinja", source, inspect_jinja(source))


def _better(jinja: TemplateInfo, own: TemplateInfo) -> bool:
    """More capabilities, or the same with calls that survive a round trip."""
    offered, had = set(jinja.capabilities), set(own.capabilities)
    if own.round_trip and not jinja.round_trip:
        return False
    if offered > had:
        return True
    return offered == had and "tools" in had and jinja.round_trip and not own.round_trip
