"""Where the command line writes: tables, text that is safe for a terminal, errors."""

from __future__ import annotations

import io
import re
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TextIO

_GAP = 4
# All control characters but tab and newline, C1 included: they could drive the terminal.
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

Row = Sequence[str]


def use_utf8() -> None:
    """Write UTF-8 whatever the system prefers, as pipes on Windows would not."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")


def out(text: str = "", *, end: str = "\n") -> None:
    """Write to standard output. On a terminal, control characters are left out."""
    raw(sys.stdout, (printable(text) if is_terminal(sys.stdout) else text) + end)


def err(text: str, *, end: str = "\n") -> None:
    """Write to standard error, always without control characters: it often ends in a log."""
    raw(sys.stderr, printable(text) + end)


def raw(stream: TextIO, text: str) -> None:
    """Write as it is, at once."""
    stream.write(text)
    stream.flush()


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a person sees what is written there."""
    return stream is not None and not stream.closed and stream.isatty()


def width(default: int = 80) -> int:
    """Columns of the terminal."""
    return shutil.get_terminal_size((default, 24)).columns


def height() -> int:
    """Lines of the terminal."""
    return shutil.get_terminal_size((80, 24)).lines


def printable(text: str) -> str:
    """``text`` without the characters that could drive a terminal."""
    return _CONTROLS.sub("", text)


def columns_of(text: str) -> int:
    """Columns that ``text`` takes on a terminal."""
    return len(text) if text.isascii() else sum(map(_char_width, text))


def table(header: Row, rows: Sequence[Row]) -> str:
    """A table with a header, columns four blanks apart."""
    widths = _widths([header, *rows])
    *first, last = (_padded(cell, size) for cell, size in zip(header, widths, strict=True))
    head = (" " * _GAP).join([*first, f"{last} "])
    return "\n".join([head, *(_row(row, widths) for row in rows)])


def section(title: str, rows: Iterable[Row], *, wrap: int = 0) -> str:
    """A titled group of rows, indented, with an empty line behind.

    Args:
        title: what stands above.
        rows: the cells; rows may differ in length.
        wrap: columns after which the first cell goes on in a further row; 0 = never.
    """
    lines = [("", *cells) for row in rows for cells in _wrapped(row, wrap)]
    widths = _widths(lines)
    return "\n".join([f"  {title}", *(_row(row, widths) for row in lines), "", ""])


def _wrapped(row: Row, wrap: int) -> Iterable[Row]:
    if not wrap or len(row[0]) <= wrap:
        return [row]
    return [(line,) for line in textwrap.wrap(row[0], wrap, break_long_words=False)]


def _widths(rows: Sequence[Row]) -> list[int]:
    widths: list[int] = []
    for row in rows:
        widths += [0] * (len(row) - len(widths))
        for column, cell in enumerate(row):
            widths[column] = max(widths[column], columns_of(cell))
    return widths


def _row(row: Row, widths: Sequence[int]) -> str:
    return "".join(_padded(cell, size + _GAP) for cell, size in zip(row, widths, strict=False))


def _padded(cell: str, size: int) -> str:
    return cell + " " * (size - columns_of(cell))


@lru_cache(maxsize=4096)
def _char_width(char: str) -> int:
    if unicodedata.category(char) in ("Mn", "Me", "Cf", "Cc"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1
