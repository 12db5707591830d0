"""Request bodies into wire models, by the rules of Go's ``encoding/json``.

Names match without regard to case, ``null`` is as good as absent, unknown
fields are ignored, and a wrong type is refused with the text Ollama sends.
Pydantic describes the models; it does not read them, since its rules differ.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel

from puna.errors import InvalidInput

_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_DATA_URI = re.compile(r"data:[^,]*;base64,")


class WireModel(BaseModel):
    """A JSON object of the API.

    Attributes:
        go_type: the Go type that error texts name; empty = the class name in ``api``.
        go_transparent: errors inside name the struct around this one.
    """

    go_type: ClassVar[str] = ""
    go_transparent: ClassVar[bool] = False


@dataclass(frozen=True, slots=True)
class Go:
    """How error texts call the type of a field."""

    name: str


@dataclass(frozen=True, slots=True)
class Custom:
    """A field with a reader of its own; it gets the plain JSON value."""

    read: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Also:
    """A text that a field takes besides values of its type, and what it stands for."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class _Place:
    """Where in the body a value stands."""

    struct: str
    path: str

    def __str__(self) -> str:
        return f"Go struct field {self.struct}.{self.path}"


_Reader: TypeAlias = Callable[[Any, _Place | None], Any]
_Model = TypeVar("_Model", bound=WireModel)


def decode(model: type[_Model], value: Any) -> _Model:
    """The wire model of a decoded JSON value.

    Raises:
        InvalidInput: a value of the wrong type, with Go's text.
    """
    result: _Model = _struct_reader(model)(value, None)
    return result


def go_kind(value: Any) -> str:
    """What Go calls the type of a JSON value."""
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def mismatch(value: Any, place: _Place | None, go_type: str) -> InvalidInput:
    """The error of a value that does not fit its field."""
    what = go_kind(value)
    if isinstance(value, float) and what == "number":
        what = f"number {value!r}"
    where = str(place) if place else "Go value"
    return InvalidInput(f"json: cannot unmarshal {what} into {where} of type {go_type}")


@cache
def _struct_reader(model: type[WireModel]) -> _Reader:
    go_type = model.go_type or f"api.{model.__name__}"
    struct = go_type.partition(".")[2]
    fields: dict[str, tuple[str, _Reader]] = {}
    for name, info in model.model_fields.items():
        reader = _reader(info.annotation, tuple(info.metadata))
        fields[info.alias or name] = (name, reader)
    by_lower = {name.lower(): entry for name, entry in fields.items()}

    def read(value: Any, place: _Place | None) -> WireModel:
        if value is None:
            return model.model_construct()
        if not isinstance(value, dict):
            raise mismatch(value, place, go_type)
        found: dict[str, Any] = {}
        for key, item in value.items():
            entry = fields.get(key) or by_lower.get(key.lower())
            if entry is None or item is None:
                continue
            name, reader = entry
            found[name] = reader(item, _inner(place, struct, key if key in fields else name))
        return model.model_construct(**found)

    def _inner(place: _Place | None, struct: str, key: str) -> _Place:
        if place is None:
            return _Place(struct, key)
        return _Place(place.struct if model.go_transparent else struct, f"{place.path}.{key}")

    return read


def _reader(annotation: Any, metadata: tuple[Any, ...]) -> _Reader:
    for mark in metadata:
        if isinstance(mark, Custom):
            return _custom(mark)
        if isinstance(mark, Also):
            others = tuple(other for other in metadata if other is not mark)
            return _also(mark, _reader(annotation, others))
    go_type = next((mark.name for mark in metadata if isinstance(mark, Go)), "")
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        (inner,) = (a for a in arguments if a is not types.NoneType)
        return _reader(inner, metadata)
    if hasattr(annotation, "__metadata__"):
        return _reader(annotation.__origin__, (*annotation.__metadata__, *metadata))
    if origin is list:
        return _list(_reader(arguments[0], ()), go_type or _go_name(annotation), arguments[0])
    if origin in (dict, Mapping):
        return _map(_reader(arguments[1], ()), go_type or _go_name(annotation), arguments[1])
    if isinstance(annotation, type) and issubclass(annotation, WireModel):
        return _struct_reader(annotation)
    return _scalar(annotation, go_type or _go_name(annotation))


_GO_NAMES: Mapping[Any, str] = {
    str: "string",
    bool: "bool",
    int: "int",
    float: "float64",
    bytes: "[]uint8",
    Any: "interface {}",
}


def _go_name(annotation: Any) -> str:
    if annotation in _GO_NAMES:
        return _GO_NAMES[annotation]
    for mark in getattr(annotation, "__metadata__", ()):
        if isinstance(mark, Go):
            return mark.name
    arguments = get_args(annotation)
    if get_origin(annotation) is list:
        return f"[]{_go_name(arguments[0])}"
    if get_origin(annotation) in (dict, Mapping):
        return f"map[string]{_go_name(arguments[1])}"
    model: type[WireModel] = annotation
    return model.go_type or f"api.{model.__name__}"


def _custom(mark: Custom) -> _Reader:
    return lambda value, place: mark.read(value)


def _also(mark: Also, reader: _Reader) -> _Reader:
    return lambda value, place: mark.value if value == mark.text else reader(value, place)


def _zero(of: Any) -> Callable[[], Any]:
    """Makes what ``null`` is inside a list or an object: the empty value of the type."""
    plain = getattr(of, "__origin__", of) if hasattr(of, "__metadata__") else of
    if isinstance(plain, type) and issubclass(plain, WireModel):
        return plain.model_construct
    kind = get_origin(plain) or plain
    return kind if kind in (str, int, float, bool, bytes, dict, list) else lambda: None


def _list(item: _Reader, go_type: str, of: Any) -> _Reader:
    zero = _zero(of)

    def read(value: Any, place: _Place | None) -> list[Any]:
        if not isinstance(value, list):
            raise mismatch(value, place, go_type)
        return [zero() if entry is None else item(entry, place) for entry in value]

    return read


def _map(item: _Reader, go_type: str, of: Any) -> _Reader:
    zero = _zero(of)

    def read(value: Any, place: _Place | None) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise mismatch(value, place, go_type)
        return {
            key: zero() if entry is None else item(entry, place) for key, entry in value.items()
        }

    return read


def _scalar(kind: Any, go_type: str) -> _Reader:
    def read(value: Any, place: _Place | None) -> Any:
        if kind is Any:
            return value
        if kind is bytes and isinstance(value, str):
            return decode_base64(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return _float(value, place, go_type)
        if type(value) is not kind or (kind is float and math.isinf(value)):
            raise mismatch(value, place, go_type)
        if kind is int and not -(2**63) <= value < 2**63:
            raise _overflow(value, place, go_type)
        return value

    return read


def _float(value: int, place: _Place | None, go_type: str) -> float:
    try:
        return float(value)
    except OverflowError:
        raise _overflow(value, place, go_type) from None


def _overflow(value: int, place: _Place | None, go_type: str) -> InvalidInput:
    digits = str(value) if abs(value) < 10**40 else "(too large)"
    where = str(place) if place else "Go value"
    return InvalidInput(f"json: cannot unmarshal number {digits} into {where} of type {go_type}")


def decode_base64(text: str) -> bytes:
    """Bytes of standard base64, with or without a ``data:`` prefix.

    Raises:
        InvalidInput: with Go's text.
    """
    start = prefix.end() if (prefix := _DATA_URI.match(text)) else 0
    data = text[start:].encode("utf-8", "replace").replace(b"\r", b"").replace(b"\n", b"")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        bad = _NOT_BASE64.search(data)
        at = bad.start() if bad else len(data)
        raise InvalidInput(f"illegal base64 data at input byte {at}") from None
