"""Go's ``fmt.Sprintf``: layouts with verbs, and the texts for what is wrong in one.

Source: Go's fmt/print.go.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from puna.gotemplate.formatting import Flags
from puna.gotemplate.printing import Printer
from puna.gotemplate.values import INTS, UINTS, Value
from puna.gotext import REPLACEMENT, is_stray_byte

_LARGEST = 1_000_000
_DIGITS = re.compile(r"[0-9]*")


def sprintf(layout: str, values: Sequence[Value]) -> str:
    """The layout with its verbs replaced by the values."""
    printer = Printer()
    _Layout(printer, layout, values).run()
    return printer.text


class _Layout:
    """A layout, how far it was read, and the arguments it prints."""

    def __init__(self, printer: Printer, layout: str, values: Sequence[Value]) -> None:
        self._printer = printer
        self._layout = layout
        self._values = values
        self._place = 0
        self._argument = 0
        self._reordered = False
        self._good = True
        self._after_index = False

    def run(self) -> None:
        layout, put = self._layout, self._printer.put
        while self._place < len(layout):
            percent = layout.find("%", self._place)
            if percent < 0:
                percent = len(layout)
            put(layout[self._place : percent])
            self._place = percent + 1
            if percent < len(layout):
                self._verb()
        self._printer.flags = Flags()
        if not self._reordered and self._argument < len(self._values):
            self._extra()

    def _verb(self) -> None:
        flags = self._printer.flags = self._flags()
        self._good, self._after_index = True, False
        self._index()
        self._width(flags)
        self._precision(flags)
        if not self._after_index:
            self._index()
        verb = self._layout[self._place : self._place + 1]
        self._place += 1
        if not verb:
            self._printer.put("%!(NOVERB)")
        elif verb == "%":
            self._printer.put("%")
        elif not self._good:
            self._printer.put(f"%!{_shown(verb)}(BADINDEX)")
        elif self._argument >= len(self._values):
            self._printer.put(f"%!{_shown(verb)}(MISSING)")
        else:
            self._value(flags, _shown(verb))

    def _value(self, flags: Flags, verb: str) -> None:
        if verb in "vw":
            flags.sharp_v, flags.sharp = flags.sharp, False
            flags.plus_v, flags.plus = flags.plus, False
        value = self._values[self._argument]
        self._argument += 1
        self._printer.value(value, verb)

    def _flags(self) -> Flags:
        flags = Flags()
        while (char := self._layout[self._place : self._place + 1]) and char in "#0+- ":
            flags.sharp |= char == "#"
            flags.zero |= char == "0"
            flags.plus |= char == "+"
            flags.minus |= char == "-"
            flags.space |= char == " "
            self._place += 1
        return flags

    def _index(self) -> None:
        """``[2]``: which argument comes next."""
        self._after_index = False
        if self._layout[self._place : self._place + 1] != "[":
            return
        self._reordered = True
        end = self._layout.find("]", self._place)
        if end < 0 or len(self._layout) - self._place < 3:
            self._good = False
            self._place += 1
            return
        digits = self._layout[self._place + 1 : end]
        self._place = end + 1
        number = _number(digits) if _DIGITS.fullmatch(digits) else None
        self._after_index = number is not None
        if number is not None and 1 <= number <= len(self._values):
            self._argument = number - 1
        else:
            self._good = False

    def _width(self, flags: Flags) -> None:
        if self._layout[self._place : self._place + 1] != "*":
            flags.width = self._digits()
            if self._after_index and flags.width is not None:
                self._good = False
            return
        self._place += 1
        flags.width = self._integer_argument()
        if flags.width is None:
            self._printer.put("%!(BADWIDTH)")
        elif flags.width < 0:
            flags.width, flags.minus, flags.zero = -flags.width, True, False
        self._after_index = False

    def _precision(self, flags: Flags) -> None:
        # A dot that is the last character is a verb.
        at_end = self._place + 1 == len(self._layout)
        if at_end or self._layout[self._place : self._place + 1] != ".":
            return
        self._place += 1
        if self._after_index:
            self._good = False
        self._index()
        if self._layout[self._place : self._place + 1] != "*":
            flags.precision = self._digits() or 0
            return
        self._place += 1
        flags.precision = self._integer_argument()
        if flags.precision is None or flags.precision < 0:
            flags.precision = None
            self._printer.put("%!(BADPREC)")
        self._after_index = False

    def _digits(self) -> int | None:
        match = _DIGITS.match(self._layout, self._place)
        digits = match.group() if match else ""
        if not digits:
            return None
        number = _number(digits)
        self._place = len(self._layout) if number is None else self._place + len(digits)
        return number

    def _integer_argument(self) -> int | None:
        if self._argument >= len(self._values):
            return None
        value = self._values[self._argument]
        self._argument += 1
        if value.kind not in INTS and value.kind not in UINTS:
            return None
        number: int = value.data
        return number if abs(number) <= _LARGEST else None

    def _extra(self) -> None:
        put = self._printer.put
        put("%!(EXTRA ")
        for number, value in enumerate(self._values[self._argument :]):
            put(", " if number else "")
            if value.valid:
                put(f"{value.type.name}=")
                self._printer.value(value, "v")
            else:
                put("<nil>")
        put(")")


def _number(digits: str) -> int | None:
    """A small number; ``None`` for one that Go calls too large, or none."""
    if not digits:
        return None
    number = 0
    for digit in digits:
        if number > _LARGEST:
            return None
        number = number * 10 + int(digit)
    return number


def _shown(verb: str) -> str:
    return REPLACEMENT if is_stray_byte(verb) else verb
