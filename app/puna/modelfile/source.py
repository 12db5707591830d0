"""The text of a Modelfile: decoding, and positions for people and for error texts."""

from __future__ import annotations

import codecs
import unicodedata
from bisect import bisect_right
from functools import cached_property

from puna.modelfile.nodes import Span

_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_KEPT_CONTROLS = frozenset("\t\r\n")
# Not assigned in the tables of this Python may well be assigned by now.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp", "Zs"})


def decode(content: str | bytes) -> str:
    """Text of a Modelfile: UTF-8, or UTF-16 with a byte order mark.

    What does not decode becomes U+FFFD.
    """
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    for mark, encoding in _BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding, "replace")
    return content.decode("utf-8", "replace")


def visible(text: str) -> str:
    """Drop the characters that the format does not keep: what Go calls not printable."""
    dropped = {ord(char): None for char in set(text) if not _is_kept(char)}
    return text.translate(dropped) if dropped else text


def _is_kept(char: str) -> bool:
    return char == " " or char in _KEPT_CONTROLS or unicodedata.category(char) not in _DROPPED


class Source:
    """A decoded text that knows its lines."""

    def __init__(self, text: str) -> None:
        self.text = text

    def counted_line(self, offset: int) -> int:
        """The line number that error texts show: every CR and every LF up to ``offset`` counts.

        Source: contract ``ollama-store-registry-cli`` 4.1; CRLF files double it.
        """
        end = offset + 1
        return 1 + self.text.count("\n", 0, end) + self.text.count("\r", 0, end)

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column as an editor shows them: CRLF is one line end."""
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its end."""
        starts = self._line_starts
        end = starts[number] if number < len(starts) else len(self.text)
        return self.text[starts[number - 1] : end].rstrip("\r\n")

    def span(self, start: int, end: int) -> Span:
        """The piece between two offsets."""
        return Span(start, end, *self.position(start), *self.position(end))

    @cached_property
    def _line_starts(self) -> list[int]:
        starts = [0]
        offset = 0
        for line in self.text.replace("\r\n", " \n").replace("\r", "\n").split("\n"):
            offset += len(line) + 1
            starts.append(offset)
        return starts[:-1]
