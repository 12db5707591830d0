"""Pipelines and what is in them: words, paths, calls and their arguments.

Source: Go's text/template/exec.go for the rules, the order of evaluation and
the error texts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from puna.gotemplate import nodes
from puna.gotemplate.functions import BUILTINS, Function, check_results, parameter_type
from puna.gotemplate.printing import shown
from puna.gotemplate.state import MissingKey, State
from puna.gotemplate.trampoline import Call
from puna.gotemplate.values import (
    ANY,
    BOOL,
    COMPLEX128,
    FLOAT64,
    FLOATS,
    INT,
    INTS,
    INVALID,
    NILABLE,
    REFLECTED,
    STRING,
    UINTS,
    CallFailed,
    Kind,
    Method,
    Signature,
    Type,
    Value,
    entry,
    find_method,
    indirect,
    struct_field,
    typed,
    value_of,
    without_interface,
    zero,
)
from puna.gotext import quote


class Expressions(State):
    """Evaluates expressions."""

    # ------------------------------------------------------------ pipelines

    def pipeline(self, dot: Value, pipe: nodes.Pipe) -> Call[Value]:
        """The value of a pipeline; what it declares stays declared."""
        self.node = pipe
        value: Value | None = None
        for command in pipe.commands:
            word = command.words[0]
            if value is None and len(command.words) == 1 and not isinstance(word, _CALLS):
                value = self._word(dot, word)
            else:
                value = yield self._command(dot, command, value)
            assert value is not None
            if value.kind is Kind.INTERFACE:
                value = without_interface(value)
        assert value is not None
        for variable in pipe.declares:
            if pipe.assigns:
                self.assign(variable.names[0], value)
            else:
                self.variables.append((variable.names[0], value))
        return value

    def _command(self, dot: Value, command: nodes.Command, final: Value | None) -> Call[Value]:
        word, words = command.words[0], command.words
        if not isinstance(word, nodes.Pipe):
            self.node = word
        value: Value
        match word:
            case nodes.Field(names=names):
                value = yield self._path(dot, dot, names, word, words, final)
            case nodes.Chain():
                value = yield self._chain(dot, word, words, final)
            case nodes.Identifier():
                value = yield self._function(dot, word, command, words, final)
            case nodes.Variable(names=[name, *names]):
                value = self.lookup(name)
                if names:
                    value = yield self._path(dot, value, names, word, words, final)
                else:
                    self._no_arguments(words, final)
            case nodes.Pipe():
                self._no_arguments(words, final)
                value = yield self.pipeline(dot, word)
            case _:
                self._no_arguments(words, final)
                value = self._word(dot, word)
        return value

    def _no_arguments(self, words: Sequence[nodes.Node], final: Value | None) -> None:
        if len(words) > 1 or final is not None:
            first = words[0]
            text = nodes.source_text(first)
            raise self.error(f"can't give argument to non-function {text}")

    def _word(self, dot: Value, word: nodes.Node) -> Value:
        """A word that stands alone and calls nothing with arguments."""
        self.node = word
        match word:
            case nodes.Field(names=names):
                return self._plain_path(dot, names, word)
            case nodes.Variable(names=[name, *names]):
                return self._plain_path(self.lookup(name), names, word)
            case nodes.Dot():
                return dot
            case nodes.Bool(value=truth):
                return Value(BOOL, truth)
            case nodes.String(text=text):
                return Value(STRING, text)
            case nodes.Number():
                return self._number(word)
        raise self.error("nil is not a command")

    def _number(self, number: nodes.Number) -> Value:
        if number.as_complex is not None:
            return Value(COMPLEX128, number.as_complex)
        if number.as_float is not None and _looks_like_float(number.literal):
            return Value(FLOAT64, number.as_float)
        if number.as_int is not None:
            return Value(INT, number.as_int)
        raise self.error(f"{number.literal} overflows int")

    # ------------------------------------------------------------ paths

    def _chain(
        self,
        dot: Value,
        chain: nodes.Chain,
        words: Sequence[nodes.Node],
        final: Value | None,
    ) -> Call[Value]:
        self.node = chain
        if isinstance(chain.term, nodes.Nil):
            raise self.error(f"indirection through explicit nil in {nodes.source_text(chain)}")
        self.node = chain.term
        if isinstance(chain.term, nodes.Pipe):
            value = yield self.pipeline(dot, chain.term)
        else:
            assert isinstance(chain.term, nodes.Identifier)
            value = yield self._function(dot, chain.term, chain.term, (), None)
        found: Value = yield self._path(dot, value, chain.names, chain, words, final)
        return found

    def _path(
        self,
        dot: Value,
        receiver: Value,
        names: Sequence[str],
        node: nodes.Node,
        words: Sequence[nodes.Node],
        final: Value | None,
    ) -> Call[Value]:
        """``.A.B`` where the last name may be a method that gets arguments."""
        receiver = self._plain_path(receiver, names[:-1], node)
        name = names[-1]
        if len(words) <= 1 and final is None:
            return self._member(receiver, name, node)
        method = self._method(receiver, name)
        if method is None:
            return self._member(receiver, name, node, has_arguments=True)
        call = Function(method[1].signature, method[1].call)
        value: Value = yield self._call(dot, call, name, node, words, final, method[0])
        return value

    def _plain_path(self, receiver: Value, names: Sequence[str], node: nodes.Node) -> Value:
        for name in names:
            receiver = self._member(receiver, name, node)
        return receiver

    def _method(self, receiver: Value, name: str) -> tuple[Value, Method] | None:
        if not receiver.valid:
            return None
        target, _ = indirect(receiver)
        method = find_method(target, name)
        return None if method is None else (target, method)

    def _member(
        self, receiver: Value, name: str, node: nodes.Node, *, has_arguments: bool = False
    ) -> Value:
        if not receiver.valid:
            if self.missing_key is MissingKey.ERROR:
                raise self.error(f"nil data; no entry for key {quote(name)}")
            return INVALID
        target, is_nil = indirect(receiver)
        owner = receiver.type.name
        if is_nil and target.kind is Kind.INTERFACE:
            raise self.error(f"nil pointer evaluating {owner}.{name}")
        method = find_method(target, name)
        if method is not None:
            self._check_count(name, method.signature, 0, None)
            return self._carry_out(method.call, method.signature, name, node, [target])
        found = self._stored(target, name, has_arguments)
        if found is not None:
            return found
        if is_nil and any(known == name for known, _ in target.type.of.fields):
            raise self.error(f"nil pointer evaluating {owner}.{name}")
        raise self.error(f"can't evaluate field {name} in type {owner}")

    def _stored(self, target: Value, name: str, has_arguments: bool) -> Value | None:
        """A struct's field or a map's entry."""
        if target.kind is Kind.STRUCT:
            field = struct_field(target, name)
            if field is None:
                return None
            if not name[:1].isupper():
                raise self.error(f"{name} is an unexported field of struct type {target.type.name}")
            if has_arguments:
                raise self.error(f"{name} has arguments but cannot be invoked as function")
            return field
        if target.kind is not Kind.MAP or not STRING.assignable_to(target.type.key or STRING):
            return None
        if has_arguments:
            raise self.error(f"{name} is not a method but has arguments")
        found = entry(target, name)
        if found.valid or self.missing_key is MissingKey.DEFAULT:
            return found
        if self.missing_key is MissingKey.ERROR:
            raise self.error(f"map has no entry for key {quote(name)}")
        return zero(target.type.of)

    # ------------------------------------------------------------ calls

    def _function(
        self,
        dot: Value,
        word: nodes.Identifier,
        place: nodes.Node,
        words: Sequence[nodes.Node],
        final: Value | None,
    ) -> Call[Value]:
        self.node = word
        function = self.functions.get(word.name)
        if function is None:
            raise self.error(f"{quote(word.name)} is not a defined function")
        value: Value = yield self._call(dot, function, word.name, place, words, final)
        return value

    def _call(
        self,
        dot: Value,
        function: Function,
        name: str,
        place: nodes.Node,
        words: Sequence[nodes.Node],
        final: Value | None,
        receiver: Value | None = None,
    ) -> Call[Value]:
        arguments = words[1:]
        signature = function.signature
        self._check_count(name, signature, len(arguments), final)
        values: list[Any] = [] if receiver is None else [receiver]
        for number, argument in enumerate(arguments):
            value: Value = yield self._argument(dot, parameter_type(signature, number), argument)
            if function.lazy and function.call(value):
                return value
            values.append(value)
        if final is not None:
            declared = parameter_type(signature, len(arguments))
            values.append(self._fitting(final, declared))
        if function.lazy:
            last: Value = values[-1]
            return last
        if function is BUILTINS["call"]:
            callee = nodes.source_text(arguments[0]) if arguments else shown(values[0])
            values.insert(0, callee)
        return self._carry_out(function.call, signature, name, place, values)

    def _check_count(
        self, name: str, signature: Signature, given: int, final: Value | None
    ) -> None:
        total, wanted = given + (final is not None), len(signature.parameters)
        if signature.variadic and total < wanted - 1:
            raise self.error(
                f"wrong number of args for {name}: want at least {wanted - 1} got {given}"
            )
        if not signature.variadic and total != wanted:
            raise self.error(f"wrong number of args for {name}: want {wanted} got {total}")
        try:
            check_results(name, signature)
        except CallFailed as failure:
            raise self.error(str(failure)) from failure

    def _carry_out(
        self,
        call: Any,
        signature: Signature,
        name: str,
        place: nodes.Node,
        values: Sequence[Any],
    ) -> Value:
        try:
            result = call(*values)
        except CallFailed as failure:
            self.node = place
            raise self.error(f"error calling {name}: {failure}") from failure
        self.charge(result)
        declared = signature.results[0]
        if declared is REFLECTED or isinstance(result, Value):
            return value_of(result)
        return typed(declared, result)

    # ------------------------------------------------------------ arguments

    def _argument(self, dot: Value, declared: Type, word: nodes.Node) -> Call[Value]:
        self.node = word
        match word:
            case nodes.Pipe():
                value = yield self.pipeline(dot, word)
                return self._fitting(value, declared)
            case nodes.Identifier():
                value = yield self._function(dot, word, word, (), None)
                return self._fitting(value, declared)
            case nodes.Chain():
                value = yield self._chain(dot, word, (), None)
                return self._fitting(value, declared)
            case nodes.Dot() | nodes.Field() | nodes.Variable():
                return self._fitting(self._word(dot, word), declared)
            case nodes.Nil():
                if declared is not REFLECTED and declared.kind not in NILABLE:
                    raise self.error(f"cannot assign nil to {declared.name}")
                return INVALID if declared in (REFLECTED, ANY) else zero(declared)
        return self._literal(declared, word)

    def _literal(self, declared: Type, word: nodes.Node) -> Value:
        if declared in (REFLECTED, ANY):
            return self._word(INVALID, word)
        data: Any = None
        expected = ""
        match word:
            case nodes.Bool(value=truth) if declared.kind is Kind.BOOL:
                data = truth
            case nodes.String(text=text) if declared.kind is Kind.STRING:
                data = text
            case nodes.Number():
                data = _number_for(declared, word)
        if data is not None:
            return Value(declared, data)
        for kinds, name in _EXPECTED:
            if declared.kind in kinds:
                expected = name
        text = nodes.source_text(word)
        if expected:
            raise self.error(f"expected {expected}; found {text}")
        raise self.error(f"can't handle {text} for arg of type {declared.name}")

    def _fitting(self, value: Value, declared: Type) -> Value:
        """The value as an argument of the declared type."""
        if declared is REFLECTED:
            return value
        if not value.valid:
            if declared.kind not in NILABLE:
                raise self.error(f"invalid value; expected {declared.name}")
            return value if declared == ANY else zero(declared)
        if value.kind is Kind.INTERFACE and value.data is not None:
            value = value.data
        if declared == ANY:
            return without_interface(value)
        if value.type.assignable_to(declared):
            return value
        if value.kind is Kind.POINTER and value.type.of.assignable_to(declared):
            if value.data is None:
                raise self.error(f"dereference of nil pointer of type {declared.name}")
            inner: Value = value.data
            return inner
        raise self.error(f"wrong type for value; expected {declared.name}; got {value.type.name}")


_CALLS = (nodes.Identifier, nodes.Chain, nodes.Pipe)
_EXPECTED: tuple[tuple[frozenset[Kind], str], ...] = (
    (frozenset({Kind.BOOL}), "bool"),
    (frozenset({Kind.STRING}), "string"),
    (INTS, "integer"),
    (UINTS, "unsigned integer"),
    (FLOATS, "float"),
    (frozenset({Kind.COMPLEX128}), "complex"),
)


def _looks_like_float(literal: str) -> bool:
    if literal.startswith("'"):
        return False
    is_hexadecimal = len(literal) > 2 and literal[:2] in ("0x", "0X")
    marks = "pP" if is_hexadecimal else ".eEpP"
    return any(mark in literal for mark in marks)


def _number_for(declared: Type, number: nodes.Number) -> Any:
    if declared.kind in INTS:
        return number.as_int
    if declared.kind in UINTS:
        return number.as_uint
    if declared.kind in FLOATS:
        return number.as_float
    return number.as_complex if declared.kind is Kind.COMPLEX128 else None
