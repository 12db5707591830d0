"""Request bodies into wire models, by the rules of Go's ``encoding/json``.

Names match without regard to case, ``null`` is as good as absent, unknown
fields are ignored, and a wrong type is refused with the text Ollama sends. Of
two values for one field the later holds, or is read into the earlier where
that is a plain object. Pydantic describes the models; it does not read them,
since its rules differ.
"""

from __future__ import annotations

import math
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest
from typing import (
    Annotated,
    Any,
    ClassVar,
    Protocol,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
)

from pydantic import BaseModel

from puna.api import gosyntax
from puna.api.faults import Faults, Place, Reader, at_once, mismatch
from puna.api.gobase64 import decode_base64
from puna.api.gojson import pairs_of
from puna.errors import InvalidInput

_LARGEST_BYTE = 255
_LARGEST_FLOAT32 = math.nextafter(float.fromhex("0x1.ffffffp127"), 0)
"""What is above is rounded to infinity."""


class WireModel(BaseModel):
    """A JSON object of the API.

    Attributes:
        go_type: the Go type that error texts name; empty = the class name in ``api``.
        go_inner: the type that its own reader in Go reads it into. Errors inside then name
            the struct around this one, and end the reading at once.
        go_needs: fields that a reader of its own there cannot do without, and its words.
    """

    go_type: ClassVar[str] = ""
    go_inner: ClassVar[str] = ""
    go_needs: ClassVar[Mapping[str, str]] = {}


class Into(Protocol):
    """Reads a value into what an earlier one for the same field was read as.

    Each value is read once, however many there are for a field and however deep
    that is nested: a body must not cost more than its size.
    """

    def __call__(
        self, value: Any, place: Place | None, faults: Faults, earlier: Any = None, /
    ) -> Any:
        """What both are together; ``earlier`` is not used any more. ``None`` = there is none."""


_Model = TypeVar("_Model", bound=WireModel)


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
class ReadBy:
    """A field with a reader of its own that knows the place and notes faults."""

    read: Reader


def decode(model: type[_Model], value: Any) -> _Model:
    """The wire model of a decoded JSON value.

    Raises:
        InvalidInput: a value of the wrong type, with Go's text, or nested too deeply.
    """
    faults: Faults = []
    try:
        result: _Model = struct_reader(model)(value, None, faults)
    except RecursionError:
        raise InvalidInput(gosyntax.TOO_DEEP) from None
    if faults:
        raise faults[0]
    return result


@cache
def struct_reader(model: type[WireModel]) -> Into:
    """Reads the objects of a wire model."""
    go_type = model.go_type or f"api.{model.__name__}"
    struct = go_type.partition(".")[2]
    fields = _fields_of(model)
    makers = {
        name: cast(Callable[[], Any], info.default_factory)
        for name, info in model.model_fields.items()
        if info.default_factory is not None
    }

    def construct(found: dict[str, Any]) -> Any:
        # pydantic looks at the signature of each factory anew, which takes longer than all else.
        missing = {name: make() for name, make in makers.items() if name not in found}
        return model.model_construct(**found, **missing)

    def read(value: Any, place: Place | None, faults: Faults, earlier: Any = None) -> Any:
        if value is None and not model.go_needs:
            return construct({})
        if model.go_inner:
            return at_once(read_object, value, place)
        return read_object(value, place, faults, earlier)

    def read_object(value: Any, place: Place | None, faults: Faults, earlier: Any = None) -> Any:
        value = {} if value is None else value
        if not isinstance(value, dict):
            return faults.append(mismatch(value, place, model.go_inner or go_type))
        found: dict[str, Any] = {} if earlier is None else dict(earlier)
        for key, item in pairs_of(value):
            field = fields.get(folded(key))
            if field is None:
                continue
            name = field.name
            if item is None:
                if field.nullable:
                    found.pop(name, None)
                continue
            inner = _inner(place, struct, field.wire_name)
            if field.into is not None and name in found:
                found[name] = field.into(item, inner, faults, found[name])
            else:
                found[name] = field.read(item, inner, faults)
        for name, words in model.go_needs.items():
            if name not in {key.lower() for key in value}:
                raise InvalidInput(words)
        return construct(found)

    return read


@dataclass(frozen=True, slots=True)
class _Field:
    """How a field is read.

    Attributes:
        into: reads a later value for it; ``None`` = the later replaces the earlier.
        nullable: ``null`` takes back an earlier value.
    """

    wire_name: str
    name: str
    read: Reader
    into: Into | None
    nullable: bool


@cache
def _fields_of(model: type[WireModel]) -> dict[str, _Field]:
    """The fields of a model by their folded names."""
    found: dict[str, _Field] = {}
    for name, info in model.model_fields.items():
        wire_name, marks = info.alias or name, tuple(info.metadata)
        nullable = info.default is None or info.default_factory in (list, dict)
        found[folded(wire_name)] = _Field(
            wire_name,
            name,
            _reader(info.annotation, marks),
            _into(info.annotation, marks),
            nullable,
        )
    return found


def folded(key: str) -> str:
    """What keys have in common that name the same field, as Go folds them."""
    return key.lower().replace("\u017f", "s")


def _into(annotation: Any, metadata: tuple[Any, ...]) -> Into | None:
    """Structs and maps are read into, elements of lists too; all else is replaced."""
    bare, marks = _bare(annotation, metadata)
    if any(isinstance(mark, Custom | ReadBy) for mark in marks):
        return None
    is_struct = isinstance(bare, type) and issubclass(bare, WireModel) and not bare.go_inner
    if is_struct or get_origin(bare) in (list, dict, Mapping):
        return cast(Into, _reader(annotation, metadata))
    return None


def checked(model: type[WireModel]) -> ReadBy:
    """A field that is read as ``model`` and handed on as it was sent, under its fields' names."""

    def read(value: Any, place: Place | None, faults: Faults) -> Any:
        struct_reader(model)(value, place, faults)
        return named_as(model, value)

    return ReadBy(read)


def named_as(kind: Any, value: Any) -> Any:
    """A value of a type, with the keys of its objects written as the wire models write them.

    All that the models do not know stays as it is.
    """
    kind, _ = _bare(kind, ())
    is_struct = isinstance(kind, type) and issubclass(kind, WireModel)
    if is_struct and isinstance(value, dict):
        return _named_fields(kind, value)
    if get_origin(kind) is list and isinstance(value, list):
        return [named_as(get_args(kind)[0], item) for item in value]
    if get_origin(kind) is dict and isinstance(value, dict):
        return {key: named_as(get_args(kind)[1], item) for key, item in value.items()}
    return value


def _named_fields(model: type[WireModel], value: dict[str, Any]) -> dict[str, Any]:
    fields = _fields_of(model)
    found: dict[str, Any] = {}
    for key, item in value.items():
        field = fields.get(folded(key))
        if field is None:
            found[key] = item
        else:
            found[field.wire_name] = named_as(model.model_fields[field.name].annotation, item)
    return found


def _inner(place: Place | None, struct: str, key: str) -> Place:
    if place is None:
        return Place(struct, key)
    path = f"{place.path}.{key}"
    return replace(place, path=path) if place.sealed else Place(struct, path)


def _bare(annotation: Any, metadata: tuple[Any, ...]) -> tuple[Any, tuple[Any, ...]]:
    """An annotation without ``None`` and marks, and all the marks."""
    if get_origin(annotation) in (Union, types.UnionType):
        several = [inner for inner in get_args(annotation) if inner is not types.NoneType]
        return _bare(several[0], metadata) if len(several) == 1 else (annotation, metadata)
    if hasattr(annotation, "__metadata__"):
        return _bare(annotation.__origin__, (*annotation.__metadata__, *metadata))
    return annotation, metadata


def _reader(annotation: Any, metadata: tuple[Any, ...]) -> Reader:
    annotation, metadata = _bare(annotation, metadata)
    for mark in metadata:
        if isinstance(mark, Custom):
            return _custom(mark)
        if isinstance(mark, ReadBy):
            return mark.read
        if isinstance(mark, Also):
            others = tuple(other for other in metadata if other is not mark)
            return _also(mark, _reader(annotation, others))
    go_type = next((mark.name for mark in metadata if isinstance(mark, Go)), "")
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        return _list(arguments[0], go_type or _go_name(annotation))
    if origin in (dict, Mapping):
        return _map(_reader(arguments[1], ()), go_type or _go_name(annotation), arguments[1])
    if isinstance(annotation, type) and issubclass(annotation, WireModel):
        return _nested(annotation)
    if annotation is bytes:
        return _bytes(go_type or _go_name(annotation))
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


def _custom(mark: Custom) -> Reader:
    return lambda value, place, faults: mark.read(value)


def _nested(model: type[WireModel]) -> Into:
    """Looked up when it is needed, since a model may hold others of its kind."""
    return lambda value, place, faults, earlier=None: struct_reader(model)(
        value, place, faults, earlier
    )


def _also(mark: Also, reader: Reader) -> Reader:
    return lambda value, place, faults: (
        mark.value if value == mark.text else reader(value, place, faults)
    )


def _zero(of: Any) -> Callable[[], Any]:
    """Makes what ``null`` is inside a list or an object: the empty value of the type."""
    plain = getattr(of, "__origin__", of) if hasattr(of, "__metadata__") else of
    if isinstance(plain, type) and issubclass(plain, WireModel):
        return lambda: struct_reader(plain)(None, None, [])
    kind = get_origin(plain) or plain
    return kind if kind in (str, int, float, bool, bytes, dict, list) else lambda: None


def _list(of: Any, go_type: str) -> Into:
    item, into, zero = _reader(of, ()), _into(of, ()), _zero(of)

    def read(value: Any, place: Place | None, faults: Faults, earlier: Any = None) -> Any:
        if not isinstance(value, list):
            return faults.append(mismatch(value, place, go_type))
        if into is None or not earlier:
            return [zero() if entry is None else item(entry, place, faults) for entry in value]
        return [
            zero() if entry is None else into(entry, place, faults, old)
            for entry, old in zip_longest(value, earlier[: len(value)])
        ]

    return read


def _map(item: Reader, go_type: str, of: Any) -> Into:
    zero = _zero(of)

    def read(value: Any, place: Place | None, faults: Faults, earlier: Any = None) -> Any:
        if not isinstance(value, dict):
            return faults.append(mismatch(value, place, go_type))
        found: dict[str, Any] = {} if earlier is None else earlier
        for key, entry in value.items():
            found[key] = zero() if entry is None else item(entry, place, faults)
        return found

    return read


def _scalar(kind: Any, go_type: str) -> Reader:
    def read(value: Any, place: Place | None, faults: Faults) -> Any:
        if kind is Any:
            return value
        number = _as_float(value) if kind is float and type(value) is int else value
        if not _is_a(kind, number) or not _in_range(number, go_type):
            return faults.append(mismatch(value, place, go_type))
        return number

    return read


def _is_a(kind: type, value: Any) -> bool:
    return isinstance(value, kind) and (kind is bool or not isinstance(value, bool))


def _as_float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _in_range(value: Any, go_type: str) -> bool:
    match value:
        case float():
            return abs(value) <= (_LARGEST_FLOAT32 if go_type == "float32" else sys.float_info.max)
        case int():
            return -(2**63) <= value < 2**63
        case _:
            return True


def _bytes(go_type: str) -> Reader:
    """Base64, or the bytes as numbers."""
    byte = _list(Annotated[int, Go("uint8")], go_type)

    def read(value: Any, place: Place | None, faults: Faults) -> Any:
        if isinstance(value, list):
            return _joined(byte(value, place, faults), place, faults)
        if not isinstance(value, str):
            return faults.append(mismatch(value, place, go_type))
        try:
            return decode_base64(value)
        except InvalidInput as fault:
            return faults.append(fault)

    return read


def _joined(numbers: Sequence[int | None], place: Place | None, faults: Faults) -> Any:
    for number in numbers:
        if number is not None and not 0 <= number <= _LARGEST_BYTE:
            return faults.append(mismatch(number, place, "uint8"))
    return bytes(number or 0 for number in numbers)
