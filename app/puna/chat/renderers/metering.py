"""How large a value is, and how large an operation of a template would make one.

Everything here is asked before Python is told to do it, because a single call
into C can neither be stopped nor limited.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2.utils import Namespace

MAX_VALUE = 8 << 20
"""Characters and elements of one value, counted through all that is in it."""
MAX_MADE = 48 << 20
"""Characters and elements of all values that one rendering makes."""
MAX_BITS = 4096
"""Bits of an integer."""
MAX_PIECES = 200_000
"""Pieces that a text may be split into."""

_WIDE = re.compile(r"\d{5,}")
_NESTED = re.compile(r"\{[^{}]*\{")


class TooMuch(Exception):
    """A template wanted to make something too large."""


class Meter:
    """Counts what a rendering makes."""

    def __init__(self) -> None:
        self._made = 0

    def check(self, value: Any) -> Any:
        """Count a value and give it back.

        Raises:
            TooMuch: it, or everything together, is too large.
        """
        if isinstance(value, str):
            self.take(len(value))
        elif isinstance(value, list | tuple | dict | set):
            self.take(weight(value))
        elif isinstance(value, int) and value.bit_length() > MAX_BITS:
            raise TooMuch("a number is too large")
        return value

    def take(self, size: float) -> None:
        """Count ``size`` characters or elements that are made now."""
        if size > MAX_VALUE:
            raise TooMuch("a value is too large")
        self._made += int(size)
        if self._made > MAX_MADE:
            raise TooMuch("the template makes too much text")


def weight(value: Any) -> int:
    """Characters and elements in a value, shared parts counted each time."""
    waiting, weight = [value], 0
    while waiting:
        found = waiting.pop()
        weight += 1
        if isinstance(found, str):
            weight += len(found)
        elif isinstance(found, dict):
            waiting.extend(found.keys())
            waiting.extend(found.values())
        elif isinstance(found, list | tuple | set):
            waiting.extend(found)
        elif isinstance(found, Namespace):
            raise TooMuch("a namespace cannot be part of a value")
        if weight + len(waiting) > MAX_VALUE:
            raise TooMuch("a value is too large")
    return weight


# ---------------------------------------------------------------- operators and methods


def size(value: Any) -> int:
    """Characters of the value as text, about."""
    if isinstance(value, str):
        return len(value)
    return weight(value) if isinstance(value, list | tuple | dict) else 1


def _check_times(left: Any, right: Any) -> float:
    if isinstance(left, int) and isinstance(right, int):
        return 0 if left.bit_length() + right.bit_length() <= MAX_BITS else MAX_VALUE + 1
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, str | list | tuple) and isinstance(times, int):
            size = len(sequence) if isinstance(sequence, str) else weight(sequence)
            return size * max(times, 0)
    return 0


def _check_power(left: Any, right: Any) -> float:
    if isinstance(left, int) and isinstance(right, int):
        return 0 if left.bit_length() * abs(right) <= MAX_BITS else MAX_VALUE + 1
    return 0


def _check_plus(left: Any, right: Any) -> float:
    return size(left) + size(right)


def _check_percent(left: Any, right: Any) -> float:
    return laid_out(left, "%", (right,)) if isinstance(left, str) else 0


def laid_out(layout: str, mark: str, values: Iterable[Any]) -> float:
    """Most that a layout can make of values when each field prints the largest."""
    if _WIDE.search(layout) or "*" in layout or _NESTED.search(layout):
        raise TooMuch("a layout is too wide")
    return len(layout) + layout.count(mark) * max(map(size, values), default=0)


OPERATORS: Mapping[str, Callable[[Any, Any], float]] = {
    "*": _check_times,
    "**": _check_power,
    "+": _check_plus,
    "%": _check_percent,
}


def _width(text: str, width: Any = 0, *_: Any, **__: Any) -> float:
    return width if isinstance(width, int) else 0


def replaced(text: str, old: Any = "", new: Any = "", *_: Any, **__: Any) -> float:
    """Characters after replacing ``old`` by ``new``."""
    if not isinstance(old, str) or not isinstance(new, str):
        return 0
    return len(text) + text.count(old) * len(new)


def _split(text: str, separator: Any = None, *_: Any, **kwargs: Any) -> float:
    if not isinstance(separator, str):
        pieces = len(text) // 2 if len(text) < MAX_PIECES else len(text.split(None, MAX_PIECES))
    else:
        pieces = text.count(separator) if separator else 0
    return 0 if pieces < MAX_PIECES else MAX_VALUE + 1


def _lines(text: str, *_: Any, **__: Any) -> float:
    return 0 if len(text) < MAX_PIECES else _split(text)


def _expanded(text: str, tabs: Any = 8, *_: Any, **kwargs: Any) -> float:
    width = kwargs.get("tabsize", tabs)
    return len(text) + text.count("\t") * (width if isinstance(width, int) else 8)


def _layout(text: str, *args: Any, **kwargs: Any) -> float:
    return laid_out(text, "{", (*args, *kwargs.values()))


METHODS: Mapping[str, Callable[..., float]] = {
    **dict.fromkeys(("ljust", "rjust", "center", "zfill"), _width),
    **dict.fromkeys(("split", "rsplit"), _split),
    **dict.fromkeys(("format", "format_map"), _layout),
    "splitlines": _lines,
    "replace": replaced,
    "expandtabs": _expanded,
}
"""How large the result of a method of ``str`` will be."""


ATTRIBUTES: tuple[tuple[type | tuple[type, ...], frozenset[str]], ...] = (
    (
        str,
        frozenset(
            [
                "capitalize",
                "casefold",
                "center",
                "count",
                "endswith",
                "expandtabs",
                "find",
                "format",
                "format_map",
                "index",
                "isalnum",
                "isalpha",
                "isascii",
                "isdecimal",
                "isdigit",
                "isidentifier",
                "islower",
                "isnumeric",
                "isprintable",
                "isspace",
                "istitle",
                "isupper",
                "join",
                "ljust",
                "lower",
                "lstrip",
                "partition",
                "removeprefix",
                "removesuffix",
                "replace",
                "rfind",
                "rindex",
                "rjust",
                "rpartition",
                "rsplit",
                "rstrip",
                "split",
                "splitlines",
                "startswith",
                "strip",
                "swapcase",
                "title",
                "upper",
                "zfill",
            ]
        ),
    ),
    (dict, frozenset({"copy", "get", "items", "keys", "values"})),
    ((list, tuple), frozenset({"copy", "count", "index"})),
    ((int, float), frozenset({"is_integer"})),
)
"""Methods of Python's own types that templates may call."""
