"""The functions every Go template knows.

A function gets :class:`Value` arguments: what an ``any`` parameter gets has its
interface removed, :data:`INVALID` is nil. It returns plain data or a Value and
raises :class:`CallFailed` where Go returns an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from urllib.parse import quote_plus

from puna.gotemplate.comparison import equal, greater, greater_or_equal, less, less_or_equal
from puna.gotemplate.printf import sprintf
from puna.gotemplate.printing import Printer, sprint
from puna.gotemplate.values import (
    ANY,
    BOOL,
    INT,
    INTS,
    LISTS,
    REFLECTED,
    STRING,
    UINTS,
    CallFailed,
    Kind,
    Signature,
    Type,
    Value,
    element,
    entry,
    find_method,
    indirect,
    is_true,
    length,
    pointer_to,
    slice_of,
    slice_text,
    value_of,
    without_interface,
    zero,
)
from puna.gotext import encode, is_stray_byte, printable


@dataclass(frozen=True, slots=True)
class Function:
    """A function of templates.

    Attributes:
        lazy: gets its arguments one by one, only as many as it needs.
    """

    signature: Signature
    call: Callable[..., Any]
    lazy: bool = False


def _builtin(
    result: Type, call: Callable[..., Any], *parameters: Type, rest: Type | None = None
) -> Function:
    if rest is not None:
        parameters = (*parameters, slice_of(rest))
    return Function(Signature(parameters, rest is not None, (result,)), call)


# ---------------------------------------------------------------- and, or, not, len


def _and(value: Value) -> bool:
    return not is_true(without_interface(value))


def _or(value: Value) -> bool:
    return is_true(without_interface(value))


def _not(value: Value) -> bool:
    return not is_true(without_interface(value))


def _len(value: Value) -> int:
    found, is_nil = indirect(value)
    if is_nil:
        raise CallFailed("len of nil pointer")
    if not found.valid:
        raise CallFailed("reflect: call of reflect.Value.Type on zero Value")
    if found.kind in LISTS or found.kind in (Kind.MAP, Kind.STRING):
        return length(found)
    raise CallFailed(f"len of type {found.type.name}")


# ---------------------------------------------------------------- index and slice


def _place(index: Value, limit: int) -> int:
    if not index.valid:
        raise CallFailed("cannot index slice/array with nil")
    if index.kind not in INTS and index.kind not in UINTS:
        raise CallFailed(f"cannot index slice/array with type {index.type.name}")
    place: int = index.data
    if place > 0x7FFFFFFFFFFFFFFF:
        place -= 1 << 64
    if not 0 <= place <= limit:
        raise CallFailed(f"index out of range: {place}")
    return place


def prepare(value: Value, wanted: Type) -> Value:
    """A value for a parameter or map key of type ``wanted``; integers convert.

    Raises:
        CallFailed: it does not fit.
    """
    if not value.valid:
        if wanted.kind not in _NILABLE:
            raise CallFailed(f"value is nil; should be of type {wanted.name}")
        return zero(wanted)
    if value.type.assignable_to(wanted):
        return value
    if _integral(value.type) and _integral(wanted):
        return Value(wanted, _wrapped(value.data, wanted))
    raise CallFailed(f"value has type {value.type.name}; should be {wanted.name}")


_NILABLE = frozenset({Kind.SLICE, Kind.MAP, Kind.POINTER, Kind.INTERFACE, Kind.FUNC})
_BITS = {
    Kind.INT8: 8,
    Kind.INT16: 16,
    Kind.INT32: 32,
    Kind.UINT8: 8,
    Kind.UINT16: 16,
    Kind.UINT32: 32,
}


def _integral(kind_of: Type) -> bool:
    return kind_of.kind in INTS or kind_of.kind in UINTS


def _wrapped(number: int, wanted: Type) -> int:
    bits = _BITS.get(wanted.kind, 64)
    number &= (1 << bits) - 1
    return number - (1 << bits) if wanted.kind in INTS and number >> (bits - 1) else number


def _index(item: Value, *indexes: Value) -> Value:
    item = without_interface(item)
    if not item.valid:
        raise CallFailed("index of untyped nil")
    for wrapped in indexes:
        item = _item(item, without_interface(wrapped))
    return item


def _item(item: Value, index: Value) -> Value:
    item, is_nil = indirect(item)
    if is_nil:
        raise CallFailed("index of nil pointer")
    if item.kind in LISTS or item.kind is Kind.STRING:
        place = _place(index, length(item))
        if place == length(item):
            what = {Kind.STRING: "string", Kind.ARRAY: "array"}.get(item.kind, "slice")
            raise CallFailed(f"reflect: {what} index out of range")
        return element(item, place)
    if item.kind is Kind.MAP:
        return _mapped(item, prepare(index, item.type.key or STRING))
    raise CallFailed(f"can't index item of type {item.type.name}")


def _mapped(item: Value, key: Value) -> Value:
    plain = without_interface(key)
    if plain.kind in (Kind.SLICE, Kind.MAP, Kind.FUNC):
        raise CallFailed(f"runtime error: hash of unhashable type {plain.type.name}")
    found = entry(item, plain.data)
    return found if found.valid else zero(item.type.of)


def _slice(item: Value, *indexes: Value) -> Value:
    item = without_interface(item)
    if not item.valid:
        raise CallFailed("slice of untyped nil")
    if item.kind is Kind.POINTER and item.type.of.kind is Kind.ARRAY:
        item, _ = indirect(item)
    if len(indexes) > 3:
        raise CallFailed(f"too many slice indexes: {len(indexes)}")
    if item.kind is Kind.STRING and len(indexes) == 3:
        raise CallFailed("cannot 3-index slice a string")
    if item.kind is not Kind.STRING and item.kind not in LISTS:
        raise CallFailed(f"can't slice item of type {item.type.name}")
    capacity = length(item) + len(item.capacity)
    places = [0, length(item), capacity]
    for number, index in enumerate(indexes):
        places[number] = _place(index, capacity)
    for low, high in pairwise(places[: max(len(indexes), 2)]):
        if low > high:
            raise CallFailed(f"invalid slice index: {low} > {high}")
    return _sliced(item, *places)


def _sliced(item: Value, start: int, stop: int, limit: int) -> Value:
    if item.kind is Kind.STRING:
        return Value(item.type, slice_text(item.data, start, stop))
    if item.kind is Kind.ARRAY and not item.addressable:
        raise CallFailed("reflect.Value.Slice: slice of unaddressable array")
    whole = (*(item.data or ()), *item.capacity)
    kept: Any = bytes(whole[start:stop]) if isinstance(item.data, bytes) else whole[start:stop]
    made = slice_of(item.type.of) if item.kind is Kind.ARRAY else item.type
    return Value(made, None if item.data is None else kept, whole[stop:limit])


# ---------------------------------------------------------------- text


def printable_value(value: Value) -> Value | None:
    """What to hand to the printer for a value; ``None`` for functions, which do not print."""
    if value.kind is Kind.POINTER:
        value, _ = indirect(value)
    if not value.valid:
        return Value(STRING, "<no value>")
    by_method = find_method(value, "Error") or find_method(value, "String")
    if by_method is not None:
        return Value(pointer_to(value.type), value) if by_method.on_pointer else value
    return None if value.kind is Kind.FUNC else without_interface(value)


def _joined(values: tuple[Value, ...]) -> str:
    return sprint([printable_value(value) or value for value in values])


_HTML = str.maketrans(
    {
        "\0": "\ufffd",
        '"': "&#34;",
        "'": "&#39;",
        "&": "&amp;",
        "<": "&lt;",
        ">": "&gt;",
    }
)
_JS = {
    "\\": "\\\\",
    "'": "\\'",
    '"': '\\"',
    "<": "\\u003C",
    ">": "\\u003E",
    "&": "\\u0026",
    "=": "\\u003D",
}


def _html(*values: Value) -> str:
    return _joined(values).translate(_HTML)


def _js(*values: Value) -> str:
    return "".join(_js_escaped(char) for char in _joined(values))


def _js_escaped(char: str) -> str:
    if char in _JS:
        return _JS[char]
    if char < " ":
        return f"\\u{ord(char):04X}"
    if char <= "\x7f" or printable(char) or is_stray_byte(char):
        return char
    return f"\\u{ord(char):04X}"


def _urlquery(*values: Value) -> str:
    return quote_plus(encode(_joined(values)), safe="~")


def _print(*values: Value) -> str:
    return sprint(values)


def _println(*values: Value) -> str:
    printer = Printer()
    printer.println(values)
    return printer.text


def _printf(layout: Value, *values: Value) -> str:
    return sprintf(layout.data, values)


# ---------------------------------------------------------------- call


def check_results(name: str, signature: Signature) -> None:
    """Refuse functions that do not return one value, or a value and an error.

    Raises:
        CallFailed: with Go's text.
    """
    if len(signature.results) not in (1, 2):
        count = len(signature.results)
        raise CallFailed(f"function {name} has {count} return values; should be 1 or 2")
    if len(signature.results) == 2 and signature.results[1].name != "error":
        second = signature.results[1].name
        raise CallFailed(
            f"invalid function signature for {name}: "
            f"second return value should be error; is {second}"
        )


def call_value(name: str, function: Value, *arguments: Value) -> Value:
    """The ``call`` function; ``name`` is how the template spells the callee.

    Raises:
        CallFailed: it is no function, the arguments do not fit, or it failed.
    """
    function = without_interface(function)
    if not function.valid:
        raise CallFailed("call of nil")
    if function.kind is not Kind.FUNC:
        raise CallFailed(f"non-function {name} of type {function.type.name}")
    signature = function.type.signature
    check_results(name, signature)
    _check_count(name, signature, len(arguments))
    prepared = [
        _call_argument(number, without_interface(argument), signature)
        for number, argument in enumerate(arguments)
    ]
    if function.data is None:
        raise CallFailed("reflect.Value.Call: call of nil function")
    return value_of(function.data(*prepared))


def parameter_type(signature: Signature, number: int) -> Type:
    """Declared type of the argument at ``number``, counted from 0."""
    last = len(signature.parameters) - 1
    if signature.variadic and number >= last:
        return signature.parameters[last].of
    return signature.parameters[number]


def _check_count(name: str, signature: Signature, given: int) -> None:
    wanted = len(signature.parameters)
    if signature.variadic and given < wanted - 1:
        raise CallFailed(f"wrong number of args for {name}: got {given} want at least {wanted - 1}")
    if not signature.variadic and given != wanted:
        raise CallFailed(f"wrong number of args for {name}: got {given} want {wanted}")


def _call_argument(number: int, argument: Value, signature: Signature) -> Value:
    try:
        return without_interface(prepare(argument, parameter_type(signature, number)))
    except CallFailed as failure:
        raise CallFailed(f"arg {number}: {failure}") from failure


BUILTINS: Mapping[str, Function] = {
    "and": Function(Signature((REFLECTED, slice_of(REFLECTED)), True, (REFLECTED,)), _and, True),
    "or": Function(Signature((REFLECTED, slice_of(REFLECTED)), True, (REFLECTED,)), _or, True),
    "not": _builtin(BOOL, _not, REFLECTED),
    "len": _builtin(INT, _len, REFLECTED),
    "index": _builtin(REFLECTED, _index, REFLECTED, rest=REFLECTED),
    "slice": _builtin(REFLECTED, _slice, REFLECTED, rest=REFLECTED),
    "call": _builtin(REFLECTED, call_value, REFLECTED, rest=REFLECTED),
    "print": _builtin(STRING, _print, rest=ANY),
    "printf": _builtin(STRING, _printf, STRING, rest=ANY),
    "println": _builtin(STRING, _println, rest=ANY),
    "html": _builtin(STRING, _html, rest=ANY),
    "js": _builtin(STRING, _js, rest=ANY),
    "urlquery": _builtin(STRING, _urlquery, rest=ANY),
    "eq": _builtin(BOOL, equal, REFLECTED, rest=REFLECTED),
    "ne": _builtin(BOOL, lambda left, right: not equal(left, right), REFLECTED, REFLECTED),
    "lt": _builtin(BOOL, less, REFLECTED, REFLECTED),
    "le": _builtin(BOOL, less_or_equal, REFLECTED, REFLECTED),
    "gt": _builtin(BOOL, greater, REFLECTED, REFLECTED),
    "ge": _builtin(BOOL, greater_or_equal, REFLECTED, REFLECTED),
}
