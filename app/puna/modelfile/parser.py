"""Text to commands, as Ollama's parser reads it, in linear time.

Source: contract ``ollama-store-registry-cli`` 4.1 to 4.3.
"""

from __future__ import annotations

import re

from puna.errors import ModelfileError
from puna.modelfile.nodes import FROM, KEYWORDS, MESSAGE, ROLES, Command, Modelfile
from puna.modelfile.source import Source, decode, visible

INVALID_COMMAND = "command must be one of " + ", ".join(
    f'"{word}"' if word != KEYWORDS[-1] else f'or "{word}"' for word in KEYWORDS
)
INVALID_ROLE = 'message role must be one of "system", "user", or "assistant"'
UNEXPECTED_END = "unexpected EOF"
MISSING_FROM = "no FROM line"

_BLANK = " \t"
_SPACE = " \t\r\n"
_SKIPPED = re.compile(r"(?:[ \t\r\n]+|#[^\r\n]*)*+")
_BLANKS = re.compile(r"[ \t]*")
_LETTERS = re.compile(r"[A-Za-z]*")
_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_]*")
_LINE = re.compile(r"[^\r\n]*")


def parse(content: str | bytes) -> Modelfile:
    """Read a whole Modelfile.

    Raises:
        ModelfileError: with Ollama's text; ``line`` and ``column`` are the place
            of the fault as an editor counts.
    """
    reader = Reader(Source(decode(content)))
    commands = []
    while (command := reader.next_command()) is not None:
        commands.append(command)
    if not any(command.name == FROM for command in commands):
        raise ModelfileError(MISSING_FROM)
    return Modelfile(tuple(commands))


class Reader:
    """Reads one command after the other. After an error, `recover` goes on behind it."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._text = source.text
        self._at = 0

    def next_command(self) -> Command | None:
        """The next command, ``None`` at the end.

        Raises:
            ModelfileError: no command can be read here.
        """
        self._take(_SKIPPED)
        if self._at == len(self._text):
            return None
        start = self._at
        keyword = self._keyword()
        name_start, name_end = start, self._at
        name, role = keyword, ""
        if keyword == "from":
            name = FROM
        elif keyword == "parameter":
            name_start, name, name_end = self._word(_PARAMETER_NAME)
        elif keyword == MESSAGE:
            name_start, role, name_end = self._role()
        self._at += 1
        value_start, value, value_end = self._value()
        span = self._source.span
        return Command(
            name=name,
            args=f"{role}: {value}" if role else value,
            span=span(start, value_end),
            name_span=span(name_start, name_end),
            value_span=span(value_start, value_end),
        )

    def recover(self) -> None:
        """Go to the end of the line of the fault."""
        self._take(_LINE)

    def _take(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return match.group()

    def _keyword(self) -> str:
        start = self._at
        # Whatever stands first belongs to the word, and is dropped if it is not visible.
        self._at += 1
        self._take(_LETTERS)
        if self._at == len(self._text):
            raise self._error(UNEXPECTED_END, start)
        word = visible(self._text[start : self._at]).lower()
        if self._text[self._at] not in _BLANK or word not in KEYWORDS:
            raise self._line_error(INVALID_COMMAND, start)
        return word

    def _word(self, allowed: re.Pattern[str]) -> tuple[int, str, int]:
        self._at += 1
        start = self._at
        word = self._take(allowed)
        if self._at == len(self._text):
            raise self._error(UNEXPECTED_END, start)
        if self._text[self._at] not in _BLANK:
            raise self._error(f"{UNEXPECTED_END}: {word}", start)
        return start, word, self._at

    def _role(self) -> tuple[int, str, int]:
        start, role, end = self._word(_LETTERS)
        if role not in ROLES:
            raise self._line_error(INVALID_ROLE, start)
        return start, role, end

    def _value(self) -> tuple[int, str, int]:
        """The value up to the line end at which its quotes are closed."""
        start = self._at
        line = visible(self._take(_LINE))
        first = line.strip(_BLANK)
        quote = next((mark for mark in ('"""', '"') if first.startswith(mark)), "")
        parts = [line]
        closed = first.endswith(quote) and len(first) >= 2 * len(quote)
        while not closed and self._at < len(self._text):
            parts.append(self._text[self._at])
            self._at += 1
            line = visible(self._take(_LINE))
            parts.append(line)
            closed = line.rstrip(_BLANK).endswith(quote)
        if not closed:
            raise self._error(UNEXPECTED_END, self._begin(start))
        value = "".join(parts).strip(_SPACE)
        begin = self._begin(start)
        end = max(begin, start + len(self._text[start : self._at].rstrip(_SPACE)))
        return begin, value[len(quote) : len(value) - len(quote)], end

    def _begin(self, start: int) -> int:
        """Offset of the first character of a value."""
        blanks = _BLANKS.match(self._text, start)
        assert blanks is not None
        return blanks.end()

    def _error(self, text: str, offset: int) -> ModelfileError:
        line, column = self._source.position(offset)
        return ModelfileError(text, line=line, column=column)

    def _line_error(self, text: str, offset: int) -> ModelfileError:
        counted = self._source.counted_line(self._at)
        return self._error(f"(line {counted}): {text}", offset)
