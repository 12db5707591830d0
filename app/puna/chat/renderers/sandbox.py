"""Jinja with limits on what a template may do, take and make.

The code of a template comes from whoever made the model file. The sandbox of
Jinja keeps it from Python; here every operation that can make something large
is measured first, all that was made is counted, and a clock stops the rest.
"""

from __future__ import annotations

import ctypes
import json
import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from puna.errors import TemplateError

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
_FILTERS = (
    "abs batch capitalize count d default dictsort e escape first float format groupby indent "
    "int items join last length list lower map max min reject rejectattr replace reverse round "
    "safe select selectattr slice sort string sum title trim truncate unique upper wordcount"
)
_GLOBALS = ("range", "dict", "cycler", "joiner", "namespace")


class TimeIsUp(BaseException):
    """Raised inside a thread whose template runs too long; no template catches it."""


class TooMuch(Exception):
    """A template wanted to make something too large."""


@contextmanager
def deadline(seconds: float) -> Iterator[None]:
    """Stop this thread's Python code after ``seconds`` with :class:`TimeIsUp`.

    Works in any thread. A call into C is stopped when it returns.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    lock = threading.Lock()
    over = False

    def fire() -> None:
        with lock:
            if not over:
                raise_in(thread, ctypes.py_object(TimeIsUp))

    timer = threading.Timer(seconds, fire)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        with lock:
            over = True
            raise_in(thread, None)
        timer.cancel()


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
            self.take(_weight(value))
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


def _weight(value: Any) -> int:
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


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | list | tuple | dict) else 1


def _check_times(left: Any, right: Any) -> float:
    if isinstance(left, int) and isinstance(right, int):
        return 0 if left.bit_length() + right.bit_length() <= MAX_BITS else MAX_VALUE + 1
    for sequence, times in ((left, right), (right, left)):
        if isinstance(sequence, str | list | tuple) and isinstance(times, int):
            size = len(sequence) if isinstance(sequence, str) else _weight(sequence)
            return size * max(times, 0)
    return 0


def _check_power(left: Any, right: Any) -> float:
    if isinstance(left, int) and isinstance(right, int):
        return 0 if left.bit_length() * abs(right) <= MAX_BITS else MAX_VALUE + 1
    return 0


def _check_plus(left: Any, right: Any) -> float:
    return _size(left) + _size(right)


def _check_percent(left: Any, right: Any) -> float:
    if isinstance(left, str):
        _check_layout(left)
    return 0


def _check_layout(layout: str) -> None:
    if _WIDE.search(layout) or "*" in layout or _NESTED.search(layout):
        raise TooMuch("a layout is too wide")


_OPERATORS: Mapping[str, Callable[[Any, Any], float]] = {
    "*": _check_times,
    "**": _check_power,
    "+": _check_plus,
    "%": _check_percent,
}


def _width(text: str, width: Any = 0, *_: Any, **__: Any) -> float:
    return width if isinstance(width, int) else 0


def _replaced(text: str, old: Any = "", new: Any = "", *_: Any, **__: Any) -> float:
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


def _layout(text: str, *_: Any, **__: Any) -> float:
    _check_layout(text)
    return 0


_METHODS: Mapping[str, Callable[..., float]] = {
    **dict.fromkeys(("ljust", "rjust", "center", "zfill"), _width),
    **dict.fromkeys(("split", "rsplit"), _split),
    **dict.fromkeys(("format", "format_map"), _layout),
    "splitlines": _lines,
    "replace": _replaced,
    "expandtabs": _expanded,
}
"""How large the result of a method of ``str`` will be."""


# ---------------------------------------------------------------- the environment


class _Generator(CodeGenerator):
    """Sends literals of containers and ``~`` through the environment."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_List(self, node: nodes.List, frame: Frame) -> None:  # noqa: N802
        self.write("environment.made(")
        super().visit_List(node, frame)
        self.write(")")

    def visit_Dict(self, node: nodes.Dict, frame: Frame) -> None:  # noqa: N802
        self.write("environment.made(")
        super().visit_Dict(node, frame)
        self.write(")")

    def visit_Tuple(self, node: nodes.Tuple, frame: Frame) -> None:  # noqa: N802
        if node.ctx != "load":
            super().visit_Tuple(node, frame)
            return
        self.write("environment.made(")
        super().visit_Tuple(node, frame)
        self.write(")")


class GenerationTag(Extension):
    """``{% generation %}``: marks what an assistant wrote, for training; prints its inside."""

    tags = {"generation"}  # noqa: RUF012 - Jinja's own declaration

    def parse(self, parser: Parser) -> nodes.Node | list[nodes.Node]:
        """The nodes inside, as they are."""
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of one rendering."""

    code_generator_class = _Generator
    intercepted_binops = frozenset(_OPERATORS)

    def __init__(self) -> None:
        super().__init__(
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.loopcontrols", GenerationTag],
            finalize=self._final,
            cache_size=0,
        )
        self._meter = Meter()
        known = {name: self.filters[name] for name in _FILTERS.split()}
        self.filters = {name: self._metered(name, call) for name, call in known.items()}
        self.filters["tojson"] = self._to_json
        self.globals = {name: self.globals[name] for name in _GLOBALS}
        self.globals["raise_exception"] = _refuse
        self.concat = self.joined  # type: ignore[method-assign]

    def made(self, value: Any) -> Any:
        """A container that a literal made."""
        return self._meter.check(value)

    def joined(self, parts: Iterable[Any]) -> str:
        """All parts as one text."""
        texts = [part if isinstance(part, str) else self._text(part) for part in parts]
        self._meter.take(sum(map(len, texts)))
        return "".join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Measure, then calculate."""
        size = _OPERATORS[operator](left, right)
        if size > MAX_VALUE:
            raise TooMuch("a value is too large")
        return self._meter.check(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Measure a method's result, then call it."""
        owner = getattr(getattr(__obj, "__wrapped__", __obj), "__self__", None)
        name = getattr(__obj, "__name__", "")
        if isinstance(owner, str):
            if name in _METHODS and _METHODS[name](owner, *args, **kwargs) > MAX_VALUE:
                raise TooMuch("a value is too large")
            if name == "join" and args:
                args = (__self._strings(args[0], owner),)
        return __self._meter.check(super().call(__context, __obj, *args, **kwargs))

    def getitem(self, obj: Any, argument: Any) -> Any:
        """An element; slices are new values."""
        found = super().getitem(obj, argument)
        return self._meter.check(found) if isinstance(argument, slice) else found

    def _strings(self, parts: Any, separator: str) -> list[Any]:
        kept = list(parts)
        self._meter.take(sum(map(_size, kept)) + len(kept) * len(separator))
        return kept

    def _final(self, value: Any) -> Any:
        if isinstance(value, list | tuple | dict | set | Namespace):
            _weight(value)
        return value

    def _text(self, value: Any) -> str:
        return str(self._final(value))

    def _metered(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        leading = 1 if hasattr(call, "jinja_pass_arg") else 0
        before = _FILTER_CHECKS.get(name)

        def filtered(*args: Any, **kwargs: Any) -> Any:
            if before is not None:
                args = (*args[:leading], *before(self, args[leading:], kwargs))
            return self._meter.check(call(*args, **kwargs))

        if leading:
            filtered.jinja_pass_arg = call.jinja_pass_arg  # type: ignore[attr-defined]
        return filtered

    def _to_json(
        self,
        value: Any,
        ensure_ascii: bool = False,
        indent: int | None = None,
        separators: tuple[str, str] | None = None,
        sort_keys: bool = False,
    ) -> str:
        """JSON as model templates want it: nothing is escaped for HTML."""
        if isinstance(value, Undefined):
            raise TypeError("Undefined is not JSON serializable")
        if isinstance(indent, int) and indent > 64:
            raise TooMuch("an indent is too wide")
        encoder = json.JSONEncoder(
            ensure_ascii=ensure_ascii,
            indent=indent,
            separators=tuple(separators) if separators else None,  # type: ignore[arg-type]
            sort_keys=sort_keys,
        )
        self._meter.check(value)
        return str(self._meter.check(encoder.encode(value)))


def _refuse(message: Any) -> None:
    raise TemplateError(str(message)[:2000])


_Check = Callable[[Sandbox, tuple[Any, ...], Mapping[str, Any]], tuple[Any, ...]]


def _argument(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _before_indent(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    width = _argument(args, kwargs, 1, "width")
    wide = width if isinstance(width, int) else _size(width)
    sandbox._meter.take(_size(args[0]) + wide * (str(args[0]).count("\n") + 1))
    return args


def _before_batch(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    count = _argument(args, kwargs, 1, "slices") or _argument(args, kwargs, 1, "linecount")
    if isinstance(count, int) and count > MAX_PIECES:
        raise TooMuch("too many parts")
    return args


def _before_replace(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    text = sandbox._text(args[0])
    old, new = _argument(args, kwargs, 1, "old"), _argument(args, kwargs, 2, "new")
    if _replaced(text, old, new) > MAX_VALUE:
        raise TooMuch("a value is too large")
    return args


def _before_format(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    _check_layout(str(args[0]))
    return args


def _before_join(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    separator = _argument(args, kwargs, 1, "d")
    separator = separator if isinstance(separator, str) else ""
    return (sandbox._strings(args[0], separator), *args[1:])


def _before_list(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    if isinstance(args[0], str) and len(args[0]) > MAX_PIECES:
        raise TooMuch("a list is too long")
    return args


def _before_sum(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    start = _argument(args, kwargs, 2, "start")
    if start is not None and not isinstance(start, int | float):
        raise TooMuch("only numbers can be summed")
    return args


_FILTER_CHECKS: Mapping[str, _Check] = {
    "indent": _before_indent,
    "batch": _before_batch,
    "slice": _before_batch,
    "replace": _before_replace,
    "format": _before_format,
    "join": _before_join,
    "list": _before_list,
    "sum": _before_sum,
}
