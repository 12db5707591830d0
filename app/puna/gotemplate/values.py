"""Go's types and values, as far as templates can see them.

Plain Python data stands for the Go data of the same JSON: ``dict`` is
``map[string]any``, ``list`` is ``[]any``, ``int`` is ``int``, ``float`` is
``float64``. Whoever wants named types, structs, pointers or methods builds
:class:`Value` objects. What Go calls the zero ``reflect.Value`` is :data:`INVALID`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import Any

from puna.gotext import decode, encode


class Kind(IntEnum):
    """Go's ``reflect.Kind``."""

    INVALID = 0
    BOOL = 1
    INT = 2
    INT8 = 3
    INT16 = 4
    INT32 = 5
    INT64 = 6
    UINT = 7
    UINT8 = 8
    UINT16 = 9
    UINT32 = 10
    UINT64 = 11
    FLOAT32 = 12
    FLOAT64 = 13
    COMPLEX128 = 14
    STRING = 15
    SLICE = 16
    ARRAY = 17
    MAP = 18
    STRUCT = 19
    POINTER = 20
    INTERFACE = 21
    FUNC = 22


INTS = frozenset({Kind.INT, Kind.INT8, Kind.INT16, Kind.INT32, Kind.INT64})
UINTS = frozenset({Kind.UINT, Kind.UINT8, Kind.UINT16, Kind.UINT32, Kind.UINT64})
FLOATS = frozenset({Kind.FLOAT32, Kind.FLOAT64})
LISTS = frozenset({Kind.SLICE, Kind.ARRAY})
NILABLE = frozenset({Kind.SLICE, Kind.MAP, Kind.POINTER, Kind.INTERFACE, Kind.FUNC})

_NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Signature:
    """Parameters and results of a function; the last parameter may repeat."""

    parameters: tuple[Type, ...] = ()
    variadic: bool = False
    results: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class Method:
    """A method; ``call`` gets the receiver, then the arguments.

    Attributes:
        on_pointer: only pointers have it, as Go's ``func (t *T) …``.
    """

    signature: Signature
    call: Callable[..., Any]
    on_pointer: bool = False


@dataclass(frozen=True, eq=False, slots=True)
class Type:
    """A Go type. Two types are equal when Go prints them alike.

    Attributes:
        name: as Go prints it: ``int``, ``[]string``, ``main.Person``.
        element: of slices, arrays, maps and pointers.
        key: of maps.
        fields: of structs, in order.
        underlying: the unnamed type behind a named one.
    """

    kind: Kind
    name: str
    element: Type | None = None
    key: Type | None = None
    fields: tuple[tuple[str, Type], ...] = ()
    signature: Signature = Signature()
    methods: Mapping[str, Method] = field(default_factory=lambda: _NOTHING)
    underlying: str = ""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Type) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def of(self) -> Type:
        """The element type, for kinds that have one."""
        assert self.element is not None
        return self.element

    def assignable_to(self, other: Type) -> bool:
        """Whether a variable of type ``other`` accepts values of this type."""
        if self == other or other == ANY:
            return True
        one_unnamed = not (self.underlying and other.underlying)
        return one_unnamed and (self.underlying or self.name) == (other.underlying or other.name)


BOOL = Type(Kind.BOOL, "bool")
INT = Type(Kind.INT, "int")
FLOAT64 = Type(Kind.FLOAT64, "float64")
COMPLEX128 = Type(Kind.COMPLEX128, "complex128")
STRING = Type(Kind.STRING, "string")
UINT8 = Type(Kind.UINT8, "uint8")
ANY = Type(Kind.INTERFACE, "interface {}")
ERROR = Type(Kind.INTERFACE, "error")
REFLECTED = Type(Kind.STRUCT, "reflect.Value")
"""Parameter type of functions that want values as they are, even none."""
_INVALID_TYPE = Type(Kind.INVALID, "<invalid>")


def slice_of(element: Type) -> Type:
    """``[]element``."""
    return Type(Kind.SLICE, f"[]{element.name}", element)


def map_of(key: Type, element: Type) -> Type:
    """``map[key]element``."""
    return Type(Kind.MAP, f"map[{key.name}]{element.name}", element, key)


def pointer_to(element: Type) -> Type:
    """``*element``."""
    return Type(Kind.POINTER, f"*{element.name}", element)


def function_type(signature: Signature) -> Type:
    """``func(…) …``, printed as Go does."""
    names = [parameter.name for parameter in signature.parameters]
    if signature.variadic:
        names[-1] = "..." + signature.parameters[-1].of.name
    results = ", ".join(result.name for result in signature.results)
    if len(signature.results) > 1:
        results = f"({results})"
    name = f"func({', '.join(names)})" + (f" {results}" if results else "")
    return Type(Kind.FUNC, name, signature=signature)


ANY_SLICE = slice_of(ANY)
ANY_MAP = map_of(STRING, ANY)
BYTES = slice_of(UINT8)


@dataclass(frozen=True, eq=False, slots=True)
class Value:
    """A Go value: what ``reflect.Value`` is to Go.

    Attributes:
        data: ``None`` is nil. Numbers, strings and booleans are Python's;
            slices and arrays a ``list`` (or ``bytes``), maps and structs a
            ``dict``, pointers and interfaces the :class:`Value` inside,
            functions a callable of Values. Elements are plain data or Values.
        capacity: elements after the end of a slice that still belong to it.
        addressable: reached through a pointer, so pointer methods apply.
    """

    type: Type
    data: Any
    capacity: tuple[Any, ...] = ()
    addressable: bool = False

    @property
    def kind(self) -> Kind:
        """Kind of the type."""
        return self.type.kind

    @property
    def valid(self) -> bool:
        """False for :data:`INVALID` alone."""
        return self.type.kind is not Kind.INVALID

    @property
    def is_nil(self) -> bool:
        """A nil pointer, map, slice, function or interface, or no value."""
        return self.data is None


INVALID = Value(_INVALID_TYPE, None)


class CallFailed(Exception):
    """A function returned an error; the text is the error's."""


def value_of(data: Any) -> Value:
    """The Go value that plain Python data stands for."""
    if isinstance(data, Value):
        return data
    if data is None:
        return INVALID
    for python, go in _PLAIN:
        if isinstance(data, python):
            return Value(go, data)
    raise TypeError(f"no Go value for {type(data).__name__}")


_PLAIN: tuple[tuple[Any, Type], ...] = (
    (str, STRING),
    (bool, BOOL),
    (int, INT),
    (float, FLOAT64),
    (Mapping, ANY_MAP),
    ((list, tuple), ANY_SLICE),
    (bytes, BYTES),
    (complex, COMPLEX128),
)


def typed(declared: Type, data: Any, *, addressable: bool = False) -> Value:
    """``data`` as an element, field or result of the declared type."""
    if declared.kind is Kind.INTERFACE:
        inner = value_of(data)
        if inner.kind is Kind.INTERFACE:
            return inner
        return Value(declared, inner if inner.valid else None, addressable=addressable)
    if isinstance(data, Value):
        return Value(data.type, data.data, data.capacity, addressable)
    return Value(declared, data, addressable=addressable)


def zero(kind_of: Type) -> Value:
    """The zero value of a type."""
    make = _ZEROS.get(kind_of.kind)
    return Value(kind_of, None if make is None else make(kind_of))


_ZEROS: Mapping[Kind, Callable[[Type], Any]] = {
    Kind.BOOL: lambda _: False,
    Kind.STRING: lambda _: "",
    Kind.COMPLEX128: lambda _: 0j,
    Kind.ARRAY: lambda _: [],
    Kind.STRUCT: lambda struct: {name: zero(declared) for name, declared in struct.fields},
    **dict.fromkeys(INTS | UINTS, lambda _: 0),
    **dict.fromkeys(FLOATS, lambda _: 0.0),
}


def without_interface(value: Value) -> Value:
    """What an interface holds, or :data:`INVALID` for a nil one."""
    if value.kind is not Kind.INTERFACE:
        return value
    return INVALID if value.data is None else value.data


def indirect(value: Value) -> tuple[Value, bool]:
    """Follow pointers and interfaces; the flag tells that a nil one stopped it."""
    while value.kind in (Kind.POINTER, Kind.INTERFACE):
        if value.data is None:
            return value, True
        inner: Value = value.data
        if value.kind is Kind.POINTER:
            inner = Value(inner.type, inner.data, inner.capacity, addressable=True)
        value = inner
    return value, False


def length(value: Value) -> int:
    """Elements of a list or map, bytes of a string."""
    if value.data is None:
        return 0
    if value.kind is Kind.STRING:
        text: str = value.data
        return len(text) if text.isascii() else len(encode(text))
    return len(value.data)


def element(value: Value, index: int) -> Value:
    """An element of a slice or array, or a byte of a string."""
    if value.kind is Kind.STRING:
        return Value(UINT8, encode(value.data)[index])
    return typed(value.type.of, value.data[index], addressable=value.kind is Kind.SLICE)


def entry(value: Value, key: Any) -> Value:
    """A map's element, or :data:`INVALID`."""
    if value.data is None or key not in value.data:
        return INVALID
    return typed(value.type.of, value.data[key])


def struct_field(value: Value, name: str) -> Value | None:
    """A struct's field, ``None`` when the type has none of that name."""
    for known, declared in value.type.fields:
        if known == name:
            return typed(declared, value.data[name], addressable=value.addressable)
    return None


def find_method(value: Value, name: str) -> Method | None:
    """A method that can be called on this value."""
    if value.kind is Kind.POINTER:
        return value.type.methods.get(name) or value.type.of.methods.get(name)
    method = value.type.methods.get(name)
    if method is not None and method.on_pointer and not value.addressable:
        return None
    return method


def sorted_keys(value: Value) -> list[Value]:
    """Keys of a map in the order Go prints and visits them."""
    keys = [typed(value.type.key or STRING, key) for key in value.data or ()]
    return sorted(keys, key=_sort_key)


def _sort_key(key: Value) -> tuple[int, Any]:
    plain = without_interface(key)
    if plain.kind is Kind.STRING:
        return 1, encode(plain.data)
    if plain.kind in INTS or plain.kind in UINTS:
        return 2, plain.data
    if plain.kind in FLOATS:
        return 3, (plain.data == plain.data, plain.data)
    if plain.kind is Kind.BOOL:
        return 4, plain.data
    return 0, 0


def is_true(value: Value) -> bool:
    """Truth of ``if``, ``and``, ``not``: not the zero value of its type."""
    if value.kind is Kind.STRUCT:
        return True
    if value.kind in LISTS or value.kind in (Kind.MAP, Kind.STRING):
        return length(value) > 0
    if value.kind in NILABLE:
        return value.data is not None
    return bool(value.data)


def slice_text(text: str, start: int, stop: int) -> str:
    """Bytes ``start`` to ``stop`` of a string."""
    return text[start:stop] if text.isascii() else decode(encode(text)[start:stop])
