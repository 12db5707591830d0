"""Reads GBNF text into the trees of :mod:`puna.runner.gbnf`.

Source: grammars/README.md of llama.cpp. Token references (``<think>``) are not
supported; nesting is bounded.
"""

from __future__ import annotations

import re

from puna.runner.gbnf import (
    ANY,
    MAX_DEPTH,
    MAX_NODES,
    MAX_REPEAT,
    Characters,
    Choice,
    GrammarError,
    Literal,
    Node,
    Reference,
    Repeat,
    Sequence,
)

MAX_TEXT = 256 << 10

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_BLANK = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_BLANK_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_COUNT = re.compile(r"\{\s*(\d{1,18})\s*(?:(,)\s*(\d{1,18})?\s*)?\}")
_SIMPLE = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "\\": "\\",
    '"': '"',
    "[": "[",
    "]": "]",
    "^": "^",
    "-": "-",
    "/": "/",
}
_CODED = {"x": 2, "u": 4, "U": 8}


def parse(text: str) -> dict[str, Node]:
    """The rules of a grammar, unchecked but for their syntax.

    Raises:
        GrammarError: with the line of the fault.
    """
    if len(text) > MAX_TEXT:
        raise GrammarError("the grammar is too long")
    return _Parser(text).rules()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._nodes = 0

    def rules(self) -> dict[str, Node]:
        found: dict[str, Node] = {}
        self._skip(lines=True)
        while self._at < len(self._text):
            name = self._name()
            self._skip(lines=False)
            self._expect("::=")
            self._skip(lines=True)
            found[name] = self._alternatives(0)
            self._skip(lines=False)
            if self._at < len(self._text) and self._peek() not in "\r\n":
                raise self._error(f'unexpected "{self._peek()}"')
            self._skip(lines=True)
        return found

    def _alternatives(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise self._error("nested too deeply")
        options = [self._sequence(depth)]
        while self._peek() == "|":
            self._at += 1
            self._skip(lines=True)
            options.append(self._sequence(depth))
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self, depth: int) -> Node:
        items: list[Node] = []
        while (item := self._item(depth)) is not None:
            self._skip(lines=depth > 0)
            items.append(self._repeated(item, depth))
            self._count_nodes()
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _item(self, depth: int) -> Node | None:
        char = self._peek()
        if char == '"':
            return self._literal()
        if char == "[":
            return self._characters()
        if char == ".":
            self._at += 1
            return ANY
        if char == "(":
            self._at += 1
            self._skip(lines=True)
            inner = self._alternatives(depth + 1)
            self._skip(lines=True)
            self._expect(")")
            return inner
        if _NAME.match(self._text, self._at) is None:
            return None
        return Reference(self._name())

    def _repeated(self, item: Node, depth: int) -> Node:
        marks = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        nested = 0
        while (char := self._peek()) and char in "*+?{":
            nested += 1
            if nested > MAX_DEPTH:
                raise self._error("nested too deeply")
            if char == "{":
                item = Repeat(item, *self._counts())
            else:
                item = Repeat(item, *marks[char])
                self._at += 1
            self._skip(lines=depth > 0)
        return item

    def _counts(self) -> tuple[int, int | None]:
        match = _COUNT.match(self._text, self._at)
        if match is None:
            raise self._error("expecting a repetition count")
        self._at = match.end()
        low = int(match[1])
        high = low if match[2] is None else int(match[3]) if match[3] else None
        if max(low, high or 0) > MAX_REPEAT:
            raise self._error(f"a repetition count is over {MAX_REPEAT}")
        if high is not None and high < low:
            raise self._error("a repetition ends before it begins")
        return low, high

    def _literal(self) -> Node:
        self._at += 1
        chars: list[str] = []
        while self._peek() != '"':
            chars.append(self._char())
        self._at += 1
        return Literal("".join(chars))

    def _characters(self) -> Node:
        self._at += 1
        negated = self._peek() == "^"
        self._at += negated
        ranges: list[tuple[str, str]] = []
        while self._peek() != "]":
            first = last = self._char()
            if self._peek() == "-" and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
                self._at += 1
                last = self._char()
            if last < first:
                raise self._error("a range ends before it begins")
            ranges.append((first, last))
        self._at += 1
        if not ranges and not negated:
            raise self._error("an empty set of characters")
        return Characters(tuple(ranges), negated)

    def _char(self) -> str:
        """One character of a literal or a set, escapes resolved."""
        char = self._peek()
        if not char or char in "\r\n":
            raise self._error("a literal or set has no end")
        self._at += 1
        if char != "\\":
            return char
        kind = self._peek()
        self._at += 1
        if kind in _SIMPLE and kind:
            return _SIMPLE[kind]
        digits = self._text[self._at : self._at + _CODED.get(kind, 0)]
        try:
            char = chr(int(digits, 16))
            self._at += _CODED[kind]
            char.encode()
        except (ValueError, KeyError, OverflowError):
            raise self._error("unknown escape") from None
        return char

    def _name(self) -> str:
        match = _NAME.match(self._text, self._at)
        if match is None:
            raise self._error("expecting a name")
        self._at = match.end()
        return match.group()

    def _expect(self, wanted: str) -> None:
        if not self._text.startswith(wanted, self._at):
            raise self._error(f'expecting "{wanted}"')
        self._at += len(wanted)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self, *, lines: bool) -> None:
        match = (_BLANK_LINES if lines else _BLANK).match(self._text, self._at)
        assert match is not None
        self._at = match.end()

    def _count_nodes(self) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise self._error("the grammar is too large")

    def _error(self, text: str) -> GrammarError:
        line = self._text.count("\n", 0, self._at) + 1
        return GrammarError(f"grammar line {line}: {text}")
