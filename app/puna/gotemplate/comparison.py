"""``eq``, ``lt`` and their kin: which values compare, and how."""

from __future__ import annotations

from enum import Enum, auto

from puna.gotemplate.printing import shown
from puna.gotemplate.values import (
    FLOATS,
    INTS,
    NILABLE,
    UINTS,
    CallFailed,
    Kind,
    Type,
    Value,
    element,
    struct_field,
    without_interface,
)
from puna.gotext import encode


class _Basic(Enum):
    """Kinds that compare by their content."""

    BOOL = auto()
    INT = auto()
    UINT = auto()
    FLOAT = auto()
    COMPLEX = auto()
    STRING = auto()


def _basic(value: Value) -> _Basic | None:
    if value.kind in INTS:
        return _Basic.INT
    if value.kind in UINTS:
        return _Basic.UINT
    if value.kind in FLOATS:
        return _Basic.FLOAT
    return {
        Kind.BOOL: _Basic.BOOL,
        Kind.COMPLEX128: _Basic.COMPLEX,
        Kind.STRING: _Basic.STRING,
    }.get(value.kind)


def _whole(left: _Basic | None, right: _Basic | None) -> bool:
    return {left, right} == {_Basic.INT, _Basic.UINT}


def equal(left: Value, *candidates: Value) -> bool:
    """``eq``: whether ``left`` equals any of the others.

    Raises:
        CallFailed: no others, or values that do not compare.
    """
    left = without_interface(left)
    if not candidates:
        raise CallFailed("missing argument for comparison")
    return any(_equal(left, without_interface(right)) for right in candidates)


def _equal(left: Value, right: Value) -> bool:
    kind, other = _basic(left), _basic(right)
    if kind is not other and not _whole(kind, other):
        if left.valid and right.valid:
            raise _incompatible(left, right)
        return False
    if kind is not None:
        return bool(left.data == right.data)
    return _equal_composites(left, right)


def _equal_composites(left: Value, right: Value) -> bool:
    if left.kind is not right.kind and left.valid and right.valid:
        raise CallFailed(
            f"non-comparable types {shown(left, 's')}: {left.type.name}, "
            f"{right.type.name}: {shown(right)}"
        )
    if _is_nil(left) or _is_nil(right):
        return _is_nil(left) == _is_nil(right)
    if not _comparable(right.type):
        raise CallFailed(f"non-comparable type {shown(right, 's')}: {right.type.name}")
    return _same(left, right)


def _is_nil(value: Value) -> bool:
    return not value.valid or (value.kind in NILABLE and value.data is None)


def _comparable(kind_of: Type) -> bool:
    if kind_of.kind in (Kind.SLICE, Kind.MAP, Kind.FUNC):
        return False
    if kind_of.kind is Kind.ARRAY:
        return _comparable(kind_of.of)
    return all(_comparable(declared) for _, declared in kind_of.fields)


def _same(left: Value, right: Value) -> bool:
    left, right = without_interface(left), without_interface(right)
    if left.type != right.type:
        return False
    if left.kind is Kind.POINTER:
        return left.data is right.data
    if left.kind is Kind.STRUCT:
        return all(
            _same(struct_field(left, name) or left, struct_field(right, name) or right)
            for name, _ in left.type.fields
        )
    if left.kind is Kind.ARRAY:
        return all(_same(element(left, i), element(right, i)) for i in range(len(left.data)))
    return bool(left.data == right.data)


def less(left: Value, right: Value) -> bool:
    """``lt``.

    Raises:
        CallFailed: values without an order, or of different kinds.
    """
    left, right = without_interface(left), without_interface(right)
    kind, other = _basic(left), _basic(right)
    if kind is None or other is None:
        raise CallFailed("invalid type for comparison")
    if kind is not other and not _whole(kind, other):
        raise _incompatible(left, right)
    if kind in (_Basic.BOOL, _Basic.COMPLEX):
        raise CallFailed("invalid type for comparison")
    if kind is _Basic.STRING:
        return encode(left.data) < encode(right.data)
    return bool(left.data < right.data)


def less_or_equal(left: Value, right: Value) -> bool:
    """``le``."""
    return less(left, right) or equal(left, right)


def greater(left: Value, right: Value) -> bool:
    """``gt``: as in Go the opposite of ``le``, also for NaN."""
    return not less_or_equal(left, right)


def greater_or_equal(left: Value, right: Value) -> bool:
    """``ge``: as in Go the opposite of ``lt``, also for NaN."""
    return not less(left, right)


def _incompatible(left: Value, right: Value) -> CallFailed:
    return CallFailed(f"incompatible types for comparison: {left.type.name} and {right.type.name}")
