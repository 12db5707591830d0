"""What is wrong with a value of a request, in the words of Go's ``encoding/json``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from puna.errors import InvalidInput


class UnfitNumber(InvalidInput):
    """A number that is none of those its field holds."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where in the body a value stands.

    Attributes:
        sealed: a reader of its own is at work; ``struct`` is the one around it.
    """

    struct: str
    path: str
    sealed: bool = False

    @property
    def outer(self) -> Place:
        """The place of what this is a field of."""
        return replace(self, path=self.path.rpartition(".")[0])

    def __str__(self) -> str:
        return f"Go struct field {self.struct}.{self.path}"


Faults: TypeAlias = list[InvalidInput]
"""Wrong types found so far. Go reads on and reports the first."""

Reader: TypeAlias = Callable[[Any, Place | None, Faults], Any]
"""Reads a value; what is wrong with it is noted and the reading goes on."""


@contextmanager
def told_of(place: str) -> Iterator[None]:
    """A fault found within is told with the place it was found at.

    Raises:
        InvalidInput: the fault.
    """
    try:
        yield
    except InvalidInput as fault:
        raise InvalidInput(f"{place}: {fault}") from None


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


def mismatch(value: Any, place: Place | None, go_type: str) -> InvalidInput:
    """The error of a value that does not fit its field; numbers are shown to numbers only."""
    kind = go_kind(value)
    shown = (
        kind == "number" and go_type.startswith(("int", "uint", "float")) and "face" not in go_type
    )
    what = f"number {value!r}" if shown else kind
    where = str(place) if place else "Go value"
    fault = UnfitNumber if shown else InvalidInput
    return fault(f"json: cannot unmarshal {what} into {where} of type {go_type}")


def at_once(read: Reader, value: Any, place: Place | None) -> Any:
    """Read as a reader of its own does.

    Raises:
        InvalidInput: the first fault, which ends the reading.
    """
    faults: Faults = []
    found = read(value, replace(place, sealed=True) if place else None, faults)
    if faults:
        raise faults[0]
    return found
