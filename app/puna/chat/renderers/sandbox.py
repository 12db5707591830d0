"""Jinja with limits on what a template may do, take and make.

The code of a template comes from whoever made the model file. The sandbox of
Jinja keeps it from Python; here every operation that can make something large
is measured first, all that was made is counted, and a clock stops the rest.
"""

from __future__ import annotations

import ctypes
import json
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import GeneratorType
from typing import Any

from jinja2 import nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.runtime import Context, Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import Namespace

from puna.chat.renderers.metering import (
    ATTRIBUTES,
    MAX_PIECES,
    MAX_VALUE,
    METHODS,
    OPERATORS,
    Meter,
    TooMuch,
    laid_out,
    replaced,
    size,
    weight,
)
from puna.errors import TemplateError

_FILTERS = (
    "abs batch capitalize count d default dictsort e escape first float format groupby indent "
    "int items join last length list lower map max min reject rejectattr replace reverse round "
    "safe select selectattr slice sort string sum title trim truncate unique upper"
)
_GLOBALS = ("range", "dict", "cycler", "joiner", "namespace")


class TimeIsUp(BaseException):
    """Raised inside a thread whose template runs too long; no template catches it."""


class deadline:  # noqa: N801 - reads as a phrase: with deadline(5.0)
    """Stop this thread's Python code after ``seconds`` with :class:`TimeIsUp`.

    Works in any thread. A call into C is stopped when it returns.
    """

    def __init__(self, seconds: float) -> None:
        self._thread = ctypes.c_ulong(threading.get_ident())
        self._lock = threading.Lock()
        self._over = self._fired = False
        self._timer = threading.Timer(seconds, self._fire)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with self._lock:
            self._over = True
        self._timer.cancel()
        if self._fired and kind is not TimeIsUp:
            self._await_exception()

    def _fire(self) -> None:
        with self._lock:
            if not self._over:
                self._fired = True
                _raise_in(self._thread, ctypes.py_object(TimeIsUp))

    def _await_exception(self) -> None:
        """Let an exception that is on its way arrive here and nowhere later.

        Taking it back would leave the interpreter looking for it for ever.
        """
        for _ in range(100):
            time.sleep(0.0001)


_raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc


# ---------------------------------------------------------------- the environment


class _Generator(CodeGenerator):
    """Sends literals of containers, slices and ``~`` through the environment."""

    def visit_Concat(self, node: nodes.Concat, frame: Frame) -> None:  # noqa: N802
        self.write("environment.joined((")
        for part in node.nodes:
            self.visit(part, frame)
            self.write(", ")
        self.write("))")

    def visit_Getitem(self, node: nodes.Getitem, frame: Frame) -> None:  # noqa: N802
        if not isinstance(node.arg, nodes.Slice):
            super().visit_Getitem(node, frame)
            return
        self.write("environment.made(")
        super().visit_Getitem(node, frame)
        self.write(")")

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
    intercepted_binops = frozenset(OPERATORS)

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

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Only what templates need of Python's own types."""
        for kind, names in ATTRIBUTES:
            if isinstance(obj, kind):
                return attr in names
        return super().is_safe_attribute(obj, attr, value)

    def made(self, value: Any) -> Any:
        """What a literal or a slice made."""
        return self._meter.check(value)

    def joined(self, parts: Iterable[Any]) -> str:
        """All parts as one text."""
        texts = [part if isinstance(part, str) else self._text(part) for part in parts]
        self._meter.take(sum(map(len, texts)))
        return "".join(texts)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Measure, then calculate."""
        size = OPERATORS[operator](left, right)
        if size > MAX_VALUE:
            raise TooMuch("a value is too large")
        return self._meter.check(super().call_binop(context, operator, left, right))

    def call(__self, __context: Context, __obj: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805
        """Measure a method's result, then call it."""
        owner = getattr(getattr(__obj, "__wrapped__", __obj), "__self__", None)
        name = getattr(__obj, "__name__", "")
        if isinstance(owner, str):
            if name in METHODS and METHODS[name](owner, *args, **kwargs) > MAX_VALUE:
                raise TooMuch("a value is too large")
            if name == "join" and args:
                args = (__self._strings(args[0], owner),)
        return __self._meter.check(super().call(__context, __obj, *args, **kwargs))

    def _strings(self, parts: Any, separator: str) -> list[Any]:
        kept = list(parts)
        self._meter.take(sum(map(size, kept)) + len(kept) * len(separator))
        return kept

    def _final(self, value: Any) -> Any:
        if isinstance(value, list | tuple | dict | set | Namespace):
            weight(value)
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
            default=_listed,
        )
        self._meter.check(value)
        return str(self._meter.check(encoder.encode(value)))


def _listed(value: Any) -> list[Any]:
    """What filters like ``map`` give, as JSON."""
    if isinstance(value, GeneratorType):
        return list(islice(value, MAX_PIECES))
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


def _refuse(message: Any) -> None:
    raise TemplateError(f"chat template: {str(message)[:2000]}")


_Check = Callable[[Sandbox, tuple[Any, ...], Mapping[str, Any]], tuple[Any, ...]]


def _argument(args: tuple[Any, ...], kwargs: Mapping[str, Any], place: int, name: str) -> Any:
    return args[place] if len(args) > place else kwargs.get(name)


def _before_indent(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    width = _argument(args, kwargs, 1, "width")
    wide = width if isinstance(width, int) else size(width)
    sandbox._meter.take(size(args[0]) + wide * (str(args[0]).count("\n") + 1))
    return args


def _before_batch(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    count = _argument(args, kwargs, 1, "slices") or _argument(args, kwargs, 1, "linecount")
    if isinstance(count, int) and count > MAX_PIECES:
        raise TooMuch("too many parts")
    return _before_list(sandbox, args, kwargs)


def _before_replace(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    text = sandbox._text(args[0])
    old, new = _argument(args, kwargs, 1, "old"), _argument(args, kwargs, 2, "new")
    if replaced(text, old, new) > MAX_VALUE:
        raise TooMuch("a value is too large")
    return args


def _before_format(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    if laid_out(str(args[0]), "%", (*args[1:], *kwargs.values())) > MAX_VALUE:
        raise TooMuch("a value is too large")
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


def _before_round(
    sandbox: Sandbox, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[Any, ...]:
    precision = _argument(args, kwargs, 1, "precision")
    if isinstance(precision, int) and abs(precision) > 300:
        raise TooMuch("a precision is too large")
    return args


_FILTER_CHECKS: Mapping[str, _Check] = {
    **dict.fromkeys(("list", "sort", "unique", "groupby", "title"), _before_list),
    "round": _before_round,
    "indent": _before_indent,
    "batch": _before_batch,
    "slice": _before_batch,
    "replace": _before_replace,
    "format": _before_format,
    "join": _before_join,
    "sum": _before_sum,
}
