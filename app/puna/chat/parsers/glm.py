"""GLM 4, Laguna and Poolside: ``<tool_call>name<arg_key>k</arg_key><arg_value>v</arg_value>``."""

from __future__ import annotations

import re
from collections.abc import Sequence

from puna.chat.messages import Tool, ToolCall
from puna.chat.parsers.blocks import BlockForm, Start, closed_by
from puna.chat.parsers.values import json_calls, json_value, typed, types_of, unwrapped

_TAG = re.compile(r"<(/?)arg_(key|value)>")
_TEXT = r"((?:(?!</?arg_(?:key|value)>).)*+)"
_PAIR = re.compile(rf"<arg_key>{_TEXT}</arg_key>\s*<arg_value>{_TEXT}</arg_value>", re.DOTALL)
_NAME = re.compile(r"[\w.\-:/]+")


def read_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A name, then pairs of key and value.

    Raises:
        ValueError: no name, or text that is not a pair.
    """
    name, _, rest = body.partition("<arg_key>")
    name = _checked(name)
    pairs = "<arg_key>" + rest if rest else ""
    if _PAIR.sub("", pairs).strip():
        raise ValueError("text between the arguments")
    return [_call(name, _PAIR.findall(pairs), tools)]


def mend_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """A call of which tags are missing or in another order; GLM often forgets one.

    The first key belongs to the first value, and so on.

    Raises:
        ValueError: it does not tell which text is a key and which a value.
    """
    name, items = _items(body)
    keys = [text for kind, text in items if kind == "key"]
    values = [text for kind, text in items if kind == "value"]
    if not keys or len(keys) != len(values) or not all(map(str.strip, keys)):
        raise ValueError("not a key for each value")
    return [_call(_checked(name), list(zip(keys, values, strict=True)), tools)]


def read_laguna_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """As GLM's, or a call as JSON, or a name and its arguments as JSON.

    Raises:
        ValueError: none of them.
    """
    name, brace, rest = body.partition("{")
    if not brace or "<arg_key>" in name:
        return read_calls(body, tools)
    value = json_value(brace + rest.strip())
    if not name.strip():
        return json_calls(value)
    return [ToolCall(_checked(name), value)]


def mend_laguna_calls(body: str, tools: Sequence[Tool]) -> list[ToolCall]:
    """Calls that were opened twice, each taken once, or as `mend_calls` does.

    Raises:
        ValueError: neither of them.
    """
    parts = dict.fromkeys(part.strip() for part in body.split("<tool_call>"))
    try:
        return [call for part in parts if part for call in read_laguna_calls(part, tools)]
    except ValueError:
        return mend_calls(body, tools)


def _call(name: str, pairs: Sequence[tuple[str, str]], tools: Sequence[Tool]) -> ToolCall:
    kinds = types_of(tools, name)
    arguments = {
        key.strip(): typed(unwrapped(value), kinds.get(key.strip(), ())) for key, value in pairs
    }
    return ToolCall(name, arguments)


def _checked(name: str) -> str:
    name = name.strip()
    if not _NAME.fullmatch(name):
        raise ValueError("a call begins with the name of a tool")
    return name


def _items(body: str) -> tuple[str, list[tuple[str, str]]]:
    """The name, and each text with what it is, as the tag before or behind it says."""
    name, items, opened, at = "", [], "", 0
    for tag in _TAG.finditer(body):
        text, at = body[at : tag.start()], tag.end()
        closes, kind = bool(tag[1]), tag[2]
        if not name:
            name, text = _name_and_key(text, alone=not closes and kind == "key")
        if opened and closes and kind != opened:
            raise ValueError("tags that do not belong together")
        if opened or closes:
            items.append((opened or kind, text))
        elif text.strip():
            # Before a value that begins stands a key, without its tags.
            if kind == "key":
                raise ValueError("text between the arguments")
            items.append(("key", text))
        opened = "" if closes else kind
    if opened:
        items.append((opened, body[at:]))
    elif body[at:].strip():
        raise ValueError("text behind the arguments")
    return name, items


def _name_and_key(text: str, *, alone: bool) -> tuple[str, str]:
    """What stands before the first tag: a name, and the key if that has no tag before it."""
    words = text.split(maxsplit=0 if alone else 1)
    if not words:
        raise ValueError("a call begins with the name of a tool")
    return words[0], "".join(words[1:])


GLM = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_calls,
    thinking=("<think>", "</think>"),
    start=Start.THINKING,
    reopened=False,
    call_ends_thinking=False,
    mend_calls=mend_calls,
)
LAGUNA = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_laguna_calls,
    thinking=("<think>", "</think>"),
    anywhere=True,
    prelude=("</think>",),
    mend_calls=mend_laguna_calls,
)
OCR = BlockForm(
    ("<tool_call>",),
    closed_by("</tool_call>"),
    read_calls,
    thinking=("<think>", "</think>"),
    mend_calls=mend_calls,
)
