"""Go's number literals and the text of floating-point numbers."""

from __future__ import annotations

import math
import re
import struct
from decimal import Decimal

from puna.gotemplate.nodes import Number
from puna.gotext import quote, unquote_char

INT64_MIN, INT64_MAX, UINT64_MAX = -(1 << 63), (1 << 63) - 1, (1 << 64) - 1

_DIGITS = r"[0-9](?:_?[0-9])*"
_HEX_DIGITS = r"[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_FLOAT = re.compile(rf"[+-]?({_DIGITS}\.?({_DIGITS})?|\.{_DIGITS})([eE][+-]?{_DIGITS})?")
_HEX_FLOAT = re.compile(
    rf"[+-]?0[xX](_?{_HEX_DIGITS}\.?({_HEX_DIGITS})?|\.{_HEX_DIGITS})[pP][+-]?{_DIGITS}"
)
_INTEGER = re.compile(r"([+-]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(\d+))")
_BASES = (16, 2, 8, 10)
# An underscore stands between digits, or between a base prefix and a digit.
_UNDERSCORES = re.compile(r"[+-]?(0[xXbBoO](_?[0-9a-fA-F]+)*|[0-9]+(_[0-9]+)*)")


def parse_number(position: int, literal: str, *, is_complex: bool = False) -> Number:
    """A number literal with every Go kind it fits.

    Raises:
        ValueError: with the text Go's parser gives.
    """
    number = Number(position, literal)
    if literal.startswith("'"):
        return _character(number)
    if is_complex:
        split = max(literal.rfind("+"), literal.rfind("-"))
        if literal[split - 1] in "eEpP":
            split = max(literal.rfind("+", 0, split), literal.rfind("-", 0, split))
        return _complex(number, _float(literal[:split]), _float(literal[split:-1]))
    if literal.endswith("i") and _float(literal[:-1]) is not None:
        return _complex(number, 0.0, _float(literal[:-1]))
    return _real(number)


def _character(number: Number) -> Number:
    char, tail = unquote_char(number.literal[1:], "'")
    if tail != "'":
        raise ValueError(f"malformed character constant: {number.literal}")
    code = ord(char) - 0xDC00 if "\udc80" <= char <= "\udcff" else ord(char)
    number.as_int = number.as_uint = code
    number.as_float = float(code)
    return number


def _complex(number: Number, real: float | None, imaginary: float | None) -> Number:
    if real is None or imaginary is None:
        raise ValueError("syntax error scanning complex number")
    number.as_complex = complex(real, imaginary)
    if imaginary == 0:
        number.as_float = real
        _whole_float(number, real)
    return number


def _real(number: Number) -> Number:
    literal = number.literal
    whole = _integer(literal)
    if whole is not None and INT64_MIN <= whole <= INT64_MAX:
        number.as_int = whole
    if whole is not None and 0 <= whole <= UINT64_MAX and literal[:1] not in "+-":
        number.as_uint = whole
    if number.as_int == 0:
        number.as_uint = 0
    if number.as_int is not None or number.as_uint is not None:
        number.as_float = float(whole or 0)
        return number
    value = _float(literal)
    if value is None:
        raise ValueError(f"illegal number syntax: {quote(literal)}")
    if not any(mark in literal for mark in ".eEpP"):
        raise ValueError(f"integer overflow: {quote(literal)}")
    number.as_float = value
    _whole_float(number, value)
    return number


def _whole_float(number: Number, value: float) -> None:
    if math.isfinite(value) and value == int(value):
        if INT64_MIN <= value <= INT64_MAX:
            number.as_int = int(value)
        if 0 <= value <= UINT64_MAX:
            number.as_uint = int(value)


def _integer(literal: str) -> int | None:
    """``strconv.ParseInt(literal, 0, …)`` without its range."""
    digits = literal
    if "_" in literal:
        if not _UNDERSCORES.fullmatch(literal):
            return None
        digits = literal.replace("_", "")
    match = _INTEGER.fullmatch(digits)
    if match is None or len(digits) > 80:
        return None
    sign, *groups = match.groups()
    for group, base in zip(groups, _BASES, strict=True):
        if group is not None:
            if base == 10 and len(group) > 1 and group.startswith("0"):
                return None
            return -int(group, base) if sign == "-" else int(group, base)
    return None


def _float(literal: str) -> float | None:
    """``strconv.ParseFloat``; ``None`` for what it refuses or cannot hold."""
    if _HEX_FLOAT.fullmatch(literal):
        try:
            return float.fromhex(literal.replace("_", ""))
        except OverflowError:
            return None
    if not _FLOAT.fullmatch(literal):
        return None
    value = float(literal)
    return None if math.isinf(value) else value


# ---------------------------------------------------------------- printing


def format_float(value: float, verb: str, precision: int, bits: int = 64) -> str:
    """``strconv.FormatFloat``; precision -1 = fewest digits that read back the same."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    if verb in "xX":
        text = _hexadecimal(value, precision)
        return text.upper() if verb == "X" else text
    if verb == "b":
        return _binary(value, bits)
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if precision >= 0 and verb in "eEfF":
        return sign + _fixed_precision(abs(value), verb, precision)
    digits, point = _digits(abs(value), precision if verb in "gG" else -1, bits)
    return sign + _LAYOUTS[verb.lower()](digits, point, precision, verb)


def _fixed_precision(value: float, verb: str, precision: int) -> str:
    return f"{value:.{precision}{verb}}"


def _digits(value: float, precision: int, bits: int) -> tuple[str, int]:
    """Significant digits and the place of the decimal point among them."""
    if value == 0:
        return "0", 1
    if precision >= 0:
        text = f"{value:.{max(precision, 1) - 1}e}"
    elif bits == 32:
        text = _shortest_single(value)
    else:
        text = repr(value)
    _, digits, exponent = Decimal(text).as_tuple()
    written = "".join(map(str, digits))
    assert isinstance(exponent, int)
    return written.rstrip("0"), len(written) + exponent


def _shortest_single(value: float) -> str:
    packed = struct.pack("<f", value)
    for precision in range(9):
        text = f"{value:.{precision}e}"
        if abs(float(text)) <= 3.4028235677973366e38 and struct.pack("<f", float(text)) == packed:
            return text
    return f"{value:.8e}"


def _layout_e(digits: str, point: int, precision: int, verb: str) -> str:
    exponent = 0 if digits == "0" else point - 1
    letter = "E" if verb in "EG" else "e"
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{fraction}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _layout_f(digits: str, point: int, precision: int, verb: str) -> str:
    if point <= 0:
        return "0." + "0" * -point + digits
    if len(digits) <= point:
        return digits + "0" * (point - len(digits))
    return f"{digits[:point]}.{digits[point:]}"


def _layout_g(digits: str, point: int, precision: int, verb: str) -> str:
    limit = 6 if precision < 0 else max(precision, 1)
    if precision >= 0 and limit > len(digits) >= point:
        limit = len(digits)
    if point - 1 < -4 or point - 1 >= limit:
        return _layout_e(digits, point, precision, verb)
    return "0" if digits == "0" else _layout_f(digits, point, precision, verb)


_LAYOUTS = {"e": _layout_e, "f": _layout_f, "g": _layout_g}


def _hexadecimal(value: float, precision: int) -> str:
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    if value == 0:
        fraction = "." + "0" * precision if precision > 0 else ""
        return f"{sign}0x0{fraction}p+00"
    mantissa, exponent = math.frexp(abs(value))
    scaled, exponent = int(mantissa * (1 << 53)), exponent - 1
    if precision >= 0:
        scaled, exponent = _round_hexadecimal(scaled, exponent, precision)
    digits = f"{scaled & ((1 << 52) - 1):013x}"
    digits = digits.rstrip("0") if precision < 0 else digits.ljust(precision, "0")[:precision]
    head = "0x1" + (f".{digits}" if digits else "")
    return f"{sign}{head}p{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _round_hexadecimal(scaled: int, exponent: int, precision: int) -> tuple[int, int]:
    drop = max(52 - 4 * precision, 0)
    kept, rest = scaled >> drop, scaled & ((1 << drop) - 1)
    half = 1 << drop >> 1
    if drop and (rest > half or (rest == half and kept & 1)):
        kept += 1
    scaled = kept << drop
    return (scaled >> 1, exponent + 1) if scaled >> 53 else (scaled, exponent)


def _binary(value: float, bits: int) -> str:
    fraction_bits = 23 if bits == 32 else 52
    lowest = -149 if bits == 32 else -1074
    mantissa, exponent = math.frexp(abs(value))
    power = max(exponent - fraction_bits - 1, lowest)
    scaled = int(math.ldexp(mantissa, exponent - power)) if value else 0
    power = power if value else lowest
    sign = "-" if math.copysign(1.0, value) < 0 else ""
    return f"{sign}{scaled}p{'-' if power < 0 else '+'}{abs(power)}"
