"""One value through one ``fmt`` verb: padding, signs, bases, quoting.

Source: Go's fmt/format.go; the flags and their interplay are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from puna.gotemplate.numbers import format_float
from puna.gotext import can_backquote, character, encode, printable, quote

_PREFIXES = {2: "0b", 16: "0x"}


@dataclass(slots=True)
class Flags:
    """Flags, width and precision of one verb.

    ``plus_v`` and ``sharp_v`` are ``%+v`` and ``%#v``, where ``+`` and ``#``
    mean names and Go syntax instead of signs and prefixes.
    """

    width: int | None = None
    precision: int | None = None
    minus: bool = False
    plus: bool = False
    sharp: bool = False
    space: bool = False
    zero: bool = False
    plus_v: bool = False
    sharp_v: bool = False

    @property
    def zero_width(self) -> int:
        """Width to fill with zeros, 0 when zeros are not wanted."""
        return self.width or 0 if self.zero and not self.minus else 0

    def pad(self, text: str, *, zeros: bool = True) -> str:
        """``text`` at the wanted width, in characters."""
        width = self.width or 0
        if len(text) >= width:
            return text
        if self.minus:
            return text.ljust(width)
        return text.rjust(width, "0" if self.zero and zeros else " ")


def format_integer(flags: Flags, value: int, base: int, verb: str) -> str:
    """A number in base 2, 8, 10 or 16."""
    negative, digits = value < 0, _in_base(abs(value), base)
    wanted = flags.zero_width
    if flags.precision is not None:
        wanted = flags.precision
        if wanted == 0 and value == 0:
            return " " * (flags.width or 0)
    elif wanted and (negative or flags.plus or flags.space):
        wanted -= 1
    digits = digits.rjust(wanted, "0")
    if flags.sharp:
        digits = "0" + digits if base == 8 and digits[:1] != "0" else digits
        digits = _PREFIXES.get(base, "") + digits
    if verb == "O":
        digits = "0o" + digits
    if verb == "X":
        digits = digits.upper()
    sign = "-" if negative else "+" if flags.plus else " " if flags.space else ""
    return flags.pad(sign + digits, zeros=False)


def format_pointer(flags: Flags, address: int, *, prefix: bool) -> str:
    """An address in hexadecimal, as other integers."""
    sharp, flags.sharp = flags.sharp, prefix
    text = format_integer(flags, address, 16, "v")
    flags.sharp = sharp
    return text


def format_character(flags: Flags, code: int) -> str:
    """``%c``."""
    return flags.pad(character(code))


def format_quoted_character(flags: Flags, code: int) -> str:
    """``%q`` of a number."""
    return flags.pad(quote(character(code), mark="'", ascii_only=flags.plus))


def format_code_point(flags: Flags, code: int) -> str:
    """``%U``; with ``#`` the character follows."""
    digits = max(4, flags.precision or 0)
    text = f"U+{code & 0xFFFFFFFFFFFFFFFF:0{digits}X}"
    if flags.sharp and 0 <= code <= 0x10FFFF and printable(chr(code)):
        text += f" '{chr(code)}'"
    return flags.pad(text, zeros=False)


def format_number(flags: Flags, value: float, bits: int, verb: str) -> str:
    """A floating-point number; ``verb`` is one of ``eEfFgGbxX``."""
    precision = flags.precision
    if precision is None:
        precision = 6 if verb in "eEfF" else -1
    text = format_float(value, verb.replace("F", "f"), precision, bits)
    if text[0] not in "+-":
        text = "+" + text
    if flags.space and text[0] == "+" and not flags.plus:
        text = " " + text[1:]
    if text[1] in "IN":
        if text[1] == "N" and not flags.space and not flags.plus:
            text = text[1:]
        return flags.pad(text, zeros=False)
    if flags.sharp and verb != "b":
        text = _with_point(text, verb, precision)
    if not flags.plus and text[0] == "+":
        return flags.pad(text[1:])
    if flags.zero_width > len(text):
        return text[0] + text[1:].rjust(flags.zero_width - 1, "0")
    return flags.pad(text)


def format_text(flags: Flags, text: str) -> str:
    """``%s``."""
    return flags.pad(_cut(flags, text))


def format_quoted(flags: Flags, text: str) -> str:
    """``%q``: backquoted with ``#`` where possible, ASCII only with ``+``."""
    shown = _cut(flags, text)
    if flags.sharp and can_backquote(shown):
        return flags.pad(f"`{shown}`")
    return flags.pad(quote(shown, ascii_only=flags.plus))


def format_hexadecimal(flags: Flags, data: bytes, verb: str) -> str:
    """``%x`` of text or bytes; with a space they are separated."""
    if flags.precision is not None:
        data = data[: flags.precision]
    prefix = "0x" if flags.sharp else ""
    if flags.space:
        text = " ".join(f"{prefix}{byte:02x}" for byte in data)
    else:
        text = prefix + data.hex() if data else ""
    return flags.pad(text.upper() if verb == "X" else text)


def _cut(flags: Flags, text: str) -> str:
    return text if flags.precision is None else text[: flags.precision]


def _in_base(value: int, base: int) -> str:
    return _BASES[base](value)


_BASES: dict[int, Callable[[int], str]] = {
    2: lambda value: f"{value:b}",
    8: lambda value: f"{value:o}",
    10: str,
    16: lambda value: f"{value:x}",
}


def _with_point(text: str, verb: str, precision: int) -> str:
    """``#``: a decimal point always, trailing zeros for ``%g`` and ``%x``."""
    wanted = 0
    if verb in "gGxv":
        wanted = 6 if precision == -1 else precision
    marks = "pP" if verb in "xX" else "eEpP"
    end = next((place for place, char in enumerate(text) if char in marks), len(text))
    head, tail = text[:end], text[end:]
    digits = head[1:].replace(".", "", 1)
    wanted -= len(digits.lstrip("0"))
    if "." not in head:
        if head[1:] == "0":
            wanted -= 1
        head += "."
    return head + "0" * max(wanted, 0) + tail


def text_bytes(text: str) -> bytes:
    """Bytes of a string for ``%x``."""
    return encode(text)
