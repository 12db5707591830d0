"""Go's ``fmt.Sprint`` and ``Sprintln`` for :class:`Value` objects."""

from __future__ import annotations

from collections.abc import Sequence

from puna.gotemplate import formatting as fmt
from puna.gotemplate.formatting import Flags
from puna.gotemplate.values import (
    ANY,
    FLOATS,
    INTS,
    INVALID,
    LISTS,
    UINTS,
    CallFailed,
    Kind,
    Value,
    element,
    find_method,
    indirect,
    length,
    sorted_keys,
    typed,
    without_interface,
)
from puna.gotext import decode

ADDRESS = 0xC000012345
"""Stands for every memory address; a real one would tell nothing."""

_BASE = {"d": 10, "b": 2, "o": 8, "O": 8, "x": 16, "X": 16, "v": 10}


class TooLong(Exception):
    """The text would be larger than a template may make."""


class Printer:
    """Builds one text; ``limit`` is its largest length in characters.

    Attributes:
        flags: how the next value is printed.
    """

    def __init__(self, limit: int = 1 << 24) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._limit = limit
        self.flags = Flags()
        self._shown = INVALID
        self._in_error = False

    @property
    def text(self) -> str:
        """What was printed so far."""
        return "".join(self._parts)

    def put(self, text: str) -> None:
        """Add literal text."""
        self._size += len(text)
        if self._size > self._limit:
            raise TooLong
        self._parts.append(text)

    # ------------------------------------------------------------ lists of values

    def print(self, values: Sequence[Value]) -> None:
        """``Sprint``: a blank between two values that are both no strings."""
        after_text = False
        for number, value in enumerate(values):
            is_text = value.kind is Kind.STRING
            if number and not is_text and not after_text:
                self.put(" ")
            self.value(value, "v")
            after_text = is_text

    def println(self, values: Sequence[Value]) -> None:
        """``Sprintln``: blanks between all values, a line end after the last."""
        for number, value in enumerate(values):
            if number:
                self.put(" ")
            self.value(value, "v")
        self.put("\n")

    # ------------------------------------------------------------ one value

    def value(self, value: Value, verb: str) -> None:
        """Print one argument."""
        self._shown = value
        if not value.valid:
            if verb in "Tv":
                self.put(self.flags.pad("<nil>"))
            else:
                self._bad_verb(verb)
        elif verb == "T":
            self.put(fmt.format_text(self.flags, value.type.name))
        elif verb == "p":
            self._address(value, "p")
        elif not self._by_method(value, verb):
            self._inner(value, verb, 0)

    def _nested(self, value: Value, verb: str) -> None:
        if value.valid:
            self._shown = without_interface(value)
            if self._shown.valid and self._by_method(self._shown, verb):
                return
        self._inner(value, verb, 1)

    def _by_method(self, value: Value, verb: str) -> bool:
        """Let the value's own Error or String method speak."""
        if self._in_error:
            return False
        if verb == "w":
            self._bad_verb(verb)
            return True
        if self.flags.sharp_v or verb not in "vsxXq":
            return False
        for name in ("Error", "String"):
            method = find_method(value, name)
            if method is not None and not method.signature.parameters:
                self._put_method_text(method.call, value, verb)
                return True
        return False

    def _put_method_text(self, call: object, value: Value, verb: str) -> None:
        assert callable(call)
        if value.kind is Kind.POINTER and value.data is None:
            self.put(self.flags.pad("<nil>"))
            return
        try:
            text = call(indirect(value)[0])
        except CallFailed as failure:
            self.put(f"%!{verb}(PANIC=String method: {failure})")
            return
        self._string(text.data if isinstance(text, Value) else text, verb)

    def _inner(self, value: Value, verb: str, depth: int) -> None:
        kind = value.kind
        if kind is Kind.INVALID:
            self.put("<nil>") if verb == "v" else self._bad_verb(verb)
        elif kind is Kind.BOOL:
            self._bool(value, verb)
        elif kind in INTS or kind in UINTS:
            self._integer(value, verb)
        elif kind in FLOATS:
            self._float(value.data, 32 if kind is Kind.FLOAT32 else 64, verb)
        elif kind is Kind.COMPLEX128:
            self._complex(value.data, verb)
        elif kind is Kind.STRING:
            self._string(value.data, verb)
        elif kind is Kind.MAP:
            self._map(value, verb)
        elif kind is Kind.STRUCT:
            self._struct(value, verb)
        elif kind is Kind.INTERFACE:
            self._interface(value, verb)
        elif kind in LISTS:
            self._list(value, verb, depth)
        else:
            self._pointer(value, verb, depth)

    def _bool(self, value: Value, verb: str) -> None:
        if verb in "tv":
            self.put(self.flags.pad("true" if value.data else "false"))
        else:
            self._bad_verb(verb)

    def _integer(self, value: Value, verb: str) -> None:
        flags, number = self.flags, value.data
        if verb == "v" and flags.sharp_v and value.kind in UINTS:
            self.put(fmt.format_pointer(flags, number, prefix=True))
        elif verb in _BASE:
            self.put(fmt.format_integer(flags, number, _BASE[verb], verb))
        elif verb == "c":
            self.put(fmt.format_character(flags, number))
        elif verb == "q":
            self.put(fmt.format_quoted_character(flags, number))
        elif verb == "U":
            self.put(fmt.format_code_point(flags, number))
        else:
            self._bad_verb(verb)

    def _float(self, number: float, bits: int, verb: str) -> None:
        if verb in "vbgGxXfFeE":
            shown = "g" if verb == "v" else verb
            self.put(fmt.format_number(self.flags, number, bits, shown))
        else:
            self._bad_verb(verb)

    def _complex(self, number: complex, verb: str) -> None:
        if verb not in "vbgGxXfFeE":
            self._bad_verb(verb)
            return
        plus = self.flags.plus
        self.put("(")
        self._float(number.real, 64, verb)
        self.flags.plus = True
        self._float(number.imag, 64, verb)
        self.put("i)")
        self.flags.plus = plus

    def _string(self, text: str, verb: str) -> None:
        if verb == "q" or (verb == "v" and self.flags.sharp_v):
            self.put(fmt.format_quoted(self.flags, text))
        elif verb in "vs":
            self.put(fmt.format_text(self.flags, text))
        elif verb in "xX":
            self.put(fmt.format_hexadecimal(self.flags, fmt.text_bytes(text), verb))
        else:
            self._bad_verb(verb)

    # ------------------------------------------------------------ composites

    def _map(self, value: Value, verb: str) -> None:
        if self.flags.sharp_v and value.data is None:
            self.put(f"{value.type.name}(nil)")
            return
        opening, between, closing = self._brackets(value, "map[", "]")
        self.put(opening)
        for number, key in enumerate(sorted_keys(value)):
            self.put(between if number else "")
            self._nested(key, verb)
            self.put(":")
            plain = without_interface(key)
            self._nested(typed(value.type.of, value.data[plain.data]), verb)
        self.put(closing)

    def _struct(self, value: Value, verb: str) -> None:
        opening, between, closing = self._brackets(value, "{", "}")
        self.put(opening)
        for number, (name, declared) in enumerate(value.type.fields):
            self.put(between if number else "")
            if self.flags.plus_v or self.flags.sharp_v:
                self.put(f"{name}:")
            inner = typed(declared, value.data[name])
            self._nested(inner if inner.is_nil else without_interface(inner), verb)
        self.put(closing)

    def _interface(self, value: Value, verb: str) -> None:
        if value.data is not None:
            self._nested(value.data, verb)
        elif self.flags.sharp_v:
            self.put(f"{value.type.name}(nil)")
        else:
            self.put("<nil>")

    def _list(self, value: Value, verb: str, depth: int) -> None:
        is_bytes = value.type.of.kind is Kind.UINT8
        if is_bytes and verb in "sqxX":
            data = bytes(value.data or b"")
            if verb in "xX":
                self.put(fmt.format_hexadecimal(self.flags, data, verb))
            else:
                self._string(decode(data), verb)
            return
        if self.flags.sharp_v and value.kind is Kind.SLICE and value.data is None:
            self.put(f"{self._list_name(value, depth)}(nil)")
            return
        opening, between, closing = self._brackets(value, "[", "]")
        if self.flags.sharp_v:
            opening = self._list_name(value, depth) + "{"
        self.put(opening)
        for index in range(length(value)):
            self.put(between if index else "")
            self._nested(element(value, index), verb)
        self.put(closing)

    def _list_name(self, value: Value, depth: int) -> str:
        return "[]byte" if depth == 0 and value.type.name == "[]uint8" else value.type.name

    def _brackets(self, value: Value, opening: str, closing: str) -> tuple[str, str, str]:
        if self.flags.sharp_v:
            return value.type.name + "{", ", ", "}"
        return opening, " ", closing

    def _pointer(self, value: Value, verb: str, depth: int) -> None:
        if depth == 0 and value.kind is Kind.POINTER and value.data is not None:
            inner = value.data
            if inner.kind in LISTS or inner.kind in (Kind.STRUCT, Kind.MAP):
                self.put("&")
                self._nested(inner, verb)
                return
        self._address(value, verb)

    def _address(self, value: Value, verb: str) -> None:
        if value.kind not in (Kind.FUNC, Kind.MAP, Kind.POINTER, Kind.SLICE):
            self._bad_verb(verb)
            return
        flags, address = self.flags, 0 if value.data is None else ADDRESS
        if verb == "v" and flags.sharp_v:
            inside = fmt.format_pointer(flags, address, prefix=True) if address else "nil"
            self.put(f"({value.type.name})({inside})")
        elif verb == "v" and not address:
            self.put(flags.pad("<nil>"))
        elif verb in "vp":
            self.put(fmt.format_pointer(flags, address, prefix=not flags.sharp))
        elif verb in "bodxX":
            self.put(fmt.format_integer(flags, address, _BASE[verb], verb))
        else:
            self._bad_verb(verb)

    def _bad_verb(self, verb: str) -> None:
        self._in_error = True
        self.put(f"%!{verb}(")
        if self._shown.valid:
            self.put(f"{self._shown.type.name}=")
            self.value(self._shown, "v")
        else:
            self.put("<nil>")
        self.put(")")
        self._in_error = False


def sprint(values: Sequence[Value]) -> str:
    """``fmt.Sprint``."""
    printer = Printer()
    printer.print(values)
    return printer.text


def shown(value: Value, verb: str = "v") -> str:
    """One value as text, as in the messages of errors."""
    printer = Printer()
    plain = typed(ANY, value) if value.valid else value
    printer.value(without_interface(plain), verb)
    return printer.text
