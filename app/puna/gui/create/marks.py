"""What to colour in a Modelfile, found by the server's own parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from puna.errors import ModelfileError
from puna.modelfile.nodes import Command, Span
from puna.modelfile.parameters import is_parameter
from puna.modelfile.parser import UNEXPECTED_END, Reader
from puna.modelfile.source import Source, decode

_COMMENT = re.compile(r"^[ \t]*#.*$", re.MULTILINE)
_ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]+")


@dataclass(frozen=True, slots=True)
class Mark:
    """A coloured part of one line.

    Attributes:
        line: counted from 0.
        start: in UTF-16 units, as Qt counts.
        kind: a field of :class:`puna.gui.theme.Tokens`.
    """

    line: int
    start: int
    length: int
    kind: str


def marks(text: str) -> list[Mark]:
    """All marks of a Modelfile; where it does not parse, the rest stays plain."""
    source = Source(decode(text))
    if source.text != text:
        return []
    commands = list(_commands(source))
    ranges = [part for command in commands for part in _parts(text, command)]
    ranges.extend(_comments(text, commands))
    return list(_by_line(text, ranges))


def _commands(source: Source) -> Iterator[Command]:
    reader = Reader(source)
    while True:
        try:
            command = reader.next_command()
        except ModelfileError as error:
            if str(error) == UNEXPECTED_END:
                return
            reader.recover()
            continue
        if command is None:
            return
        yield command


def _parts(text: str, command: Command) -> Iterator[tuple[int, int, str]]:
    keyword = _WORD.match(text, command.span.start)
    if keyword:
        yield keyword.start(), keyword.end(), "keyword"
    if is_parameter(command) or command.name == "message":
        yield command.name_span.start, command.name_span.end, "function"
    value: Span = command.value_span
    if is_parameter(command):
        yield value.start, value.end, "number"
    elif command.name != "template":
        yield value.start, value.end, "string"
    else:
        for action in _ACTION.finditer(text, value.start, value.end):
            yield action.start(), action.end(), "number"


def _comments(text: str, commands: list[Command]) -> Iterator[tuple[int, int, str]]:
    for match in _COMMENT.finditer(text):
        if not any(c.span.start <= match.start() < c.span.end for c in commands):
            yield match.start(), match.end(), "comment"


def _by_line(text: str, ranges: list[tuple[int, int, str]]) -> Iterator[Mark]:
    """Cut ranges of code points into marks of single lines."""
    lines = text.split("\n")
    start = 0
    for number, line in enumerate(lines):
        end = start + len(line)
        for first, last, kind in ranges:
            left, right = max(first, start), min(last, end)
            if left < right:
                before = _utf16(line[: left - start])
                yield Mark(number, before, _utf16(line[left - start : right - start]), kind)
        start = end + 1


def _utf16(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
