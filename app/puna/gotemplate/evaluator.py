"""Trees and data → text.

Source: Go's text/template/exec.go for the rules, the order of evaluation and
the error texts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum, auto
from typing import Any

from puna.errors import TemplateError
from puna.gotemplate import nodes
from puna.gotemplate.expressions import Expressions
from puna.gotemplate.functions import BUILTINS, Function, printable_value
from puna.gotemplate.parser import Forest
from puna.gotemplate.printing import Printer, TooLong, shown
from puna.gotemplate.state import DEFAULT_LIMITS, Limits, MissingKey
from puna.gotemplate.trampoline import Call, run
from puna.gotemplate.values import (
    INT,
    INTS,
    INVALID,
    LISTS,
    STRING,
    UINTS,
    Kind,
    Value,
    element,
    entry,
    indirect,
    is_true,
    length,
    sorted_keys,
    value_of,
    without_interface,
)
from puna.gotext import quote

MAX_DEPTH = 100_000
"""Templates that may be inside each other."""


class _Leave(Enum):
    """Why a sequence ended early."""

    BREAK = auto()
    CONTINUE = auto()


def execute(
    forest: Forest,
    data: Any,
    functions: Mapping[str, Function],
    *,
    missing_key: MissingKey = MissingKey.DEFAULT,
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """Run the main template of ``forest``.

    Args:
        forest: the parsed template.
        data: plain data or a :class:`Value`; the template's dot.
        functions: what it may call beside the built-in functions.
        missing_key: what maps give for keys they do not have.
        limits: what it may cost.

    Raises:
        ExecutionError: with Go's text, or a limit was reached.
    """
    execution = _Execution(forest, {**BUILTINS, **functions}, missing_key, limits)
    try:
        return execution.run(value_of(data))
    except (RecursionError, TooLong) as error:
        raise execution.stopped("the data or the text is too large") from error


class _Execution(Expressions):
    """Walks the nodes of templates."""

    def run(self, dot: Value) -> str:
        """The text of the main template."""
        root = self.forest.trees.get("")
        if root is None:
            raise TemplateError('template: : "" is an incomplete or empty template')
        self.variables = [("$", dot)]
        run(self._sequence(dot, root), self.step)
        return self.output

    # ------------------------------------------------------------ walking

    def _sequence(self, dot: Value, sequence: nodes.Sequence) -> Call[_Leave | None]:
        for node in sequence.nodes:
            self.node = node
            match node:
                case nodes.Text(text=text):
                    self.put(text)
                case nodes.Action(pipe=pipe):
                    value = yield self.pipeline(dot, pipe)
                    if not pipe.declares:
                        self._print(node, value)
                case nodes.Break():
                    return _Leave.BREAK
                case nodes.Continue():
                    return _Leave.CONTINUE
                case nodes.Invoke():
                    yield self._invoke(dot, node)
                case nodes.Branch():
                    walk = self._range if isinstance(node, nodes.Range) else self._branch
                    leave: _Leave | None = yield walk(dot, node)
                    if leave is not None:
                        return leave
        return None

    def _branch(self, dot: Value, node: nodes.Branch) -> Call[_Leave | None]:
        mark = len(self.variables)
        value = yield self.pipeline(dot, node.pipe)
        leave: _Leave | None = None
        if is_true(without_interface(value)):
            inner = value if isinstance(node, nodes.With) else dot
            leave = yield self._sequence(inner, node.body)
        elif node.otherwise is not None:
            leave = yield self._sequence(dot, node.otherwise)
        del self.variables[mark:]
        return leave

    def _range(self, dot: Value, node: nodes.Branch) -> Call[_Leave | None]:
        mark = len(self.variables)
        piped = yield self.pipeline(dot, node.pipe)
        value, _ = indirect(piped)
        inside = len(self.variables)
        leave: _Leave | None = None
        empty = True
        for index, item in self._items(node, value):
            empty = False
            self._bind(node.pipe, index, item)
            left = yield self._sequence(item, node.body)
            del self.variables[inside:]
            if left is _Leave.BREAK:
                break
        if empty and node.otherwise is not None:
            leave = yield self._sequence(dot, node.otherwise)
        del self.variables[mark:]
        return leave

    def _items(self, node: nodes.Branch, value: Value) -> Iterable[tuple[Value, Value]]:
        """Index and element of each round."""
        if value.kind in LISTS:
            return ((Value(INT, i), element(value, i)) for i in range(length(value)))
        if value.kind is Kind.MAP:
            return ((key, entry(value, without_interface(key).data)) for key in sorted_keys(value))
        if value.kind in INTS or value.kind in UINTS:
            if len(node.pipe.declares) > 1:
                raise self.error(f"can't use {shown(value)} to iterate over more than one variable")
            return ((INVALID, Value(value.type, i)) for i in range(value.data))
        if value.kind is Kind.FUNC and value.data is not None:
            return self._produced(node, value)
        if value.valid:
            raise self.error(f"range can't iterate over {shown(value)}")
        return ()

    def _produced(self, node: nodes.Branch, value: Value) -> Iterable[tuple[Value, Value]]:
        """Rounds of a function that is an iterator: ``func(yield func(…) bool)``."""
        parameters = value.type.signature.parameters
        taken = parameters[0].signature.parameters if len(parameters) == 1 else ()
        if parameters[:1] and parameters[0].kind is Kind.FUNC and len(taken) in (1, 2):
            if len(taken) == 1 and len(node.pipe.declares) > 1:
                raise self.error(f"can't use {shown(value)} iterate over more than one variable")
            rounds = ([value_of(part) for part in parts] for parts in value.data())
            if len(taken) == 2 and len(node.pipe.declares) > 1:
                return ((parts[0], parts[1]) for parts in rounds)
            return ((INVALID, parts[0]) for parts in rounds)
        raise self.error(f"range can't iterate over {shown(value)}")

    def _bind(self, pipe: nodes.Pipe, index: Value, item: Value) -> None:
        names = [variable.names[0] for variable in pipe.declares]
        values = [index, item][2 - len(names) :]
        for place, (name, value) in enumerate(zip(names, values, strict=True)):
            if pipe.assigns:
                self.assign(name, value)
            else:
                self.variables[len(self.variables) - len(names) + place] = (name, value)

    def _invoke(self, dot: Value, node: nodes.Invoke) -> Call[None]:
        root = self.forest.trees.get(node.name)
        if root is None:
            raise self.error(f"template {quote(node.name)} not defined")
        if self._depth == MAX_DEPTH:
            raise self.error(f"exceeded maximum template depth ({MAX_DEPTH})")
        inner = INVALID
        if node.pipe is not None:
            inner = yield self.pipeline(dot, node.pipe)
        kept = self.name, self.variables
        self.name, self.variables = node.name, [("$", inner)]
        self._depth += 1
        yield self._sequence(inner, root)
        self._depth -= 1
        self.name, self.variables = kept

    def _print(self, node: nodes.Node, value: Value) -> None:
        self.node = node
        found = printable_value(value)
        if found is None:
            raise self.error(f"can't print {nodes.source_text(node)} of type {value.type.name}")
        if found.type is STRING:
            self.put(found.data)
            return
        printer = Printer()
        printer.value(found, "v")
        self.put(printer.text)
