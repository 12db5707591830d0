"""The values of PARAMETER lines, typed as the options they set.

Source: contract ``ollama-store-registry-cli`` 4.3 and 4.5; number syntax of Go's strconv.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterable
from typing import assert_never

from puna.errors import InvalidInput, UnsupportedOption
from puna.modelfile.nodes import KEYWORDS, Command
from puna.options import DEPRECATED, OPTIONS, Kind, OptionValue

RESERVED = frozenset({*KEYWORDS, "model"} - {"from", "parameter"})
"""Names that act as an instruction even when written as a PARAMETER."""

_INT = re.compile(r"[+-]?[0-9]+")
_INT64 = (-(2**63), 2**63 - 1)
_DIGITS = r"[0-9](?:_?[0-9])*"
_HEX_DIGITS = r"[0-9A-Fa-f](?:_?[0-9A-Fa-f])*"
_DECIMAL = re.compile(rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?")
_HEXADECIMAL = re.compile(
    rf"[+-]?0[xX](?:_?{_HEX_DIGITS}\.?(?:{_HEX_DIGITS})?|\.{_HEX_DIGITS})[pP][+-]?{_DIGITS}"
)
_NOT_FINITE = re.compile(r"nan|[+-]?inf(?:inity)?", re.IGNORECASE)
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}
_VERSION = re.compile(
    r"(?:0|[1-9][0-9]*)"
    r"(?:\.(?:0|[1-9][0-9]*)"
    r"(?:\.(?:0|[1-9][0-9]*)"
    r"(?:-(?P<pre>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?)?)?"
)


def is_parameter(command: Command) -> bool:
    """Whether a command sets an option, and not one of the other instructions."""
    return command.name not in RESERVED


def to_parameters(commands: Iterable[Command]) -> dict[str, OptionValue]:
    """The options that a Modelfile sets: the last line wins, ``stop`` adds up.

    Deprecated parameters are left out.

    Raises:
        UnsupportedOption: an unknown name, or a value of the wrong type.
    """
    parameters: dict[str, OptionValue] = {}
    for command in commands:
        if is_parameter(command) and command.name not in DEPRECATED:
            merge(parameters, command.name, typed(command.name, [command.args]))
    return parameters


def merge(parameters: dict[str, OptionValue], name: str, value: OptionValue) -> None:
    """Set one option in place; values of a list are added to those that are there."""
    before = parameters.get(name)
    if isinstance(before, list) and isinstance(value, list):
        before.extend(value)
    else:
        parameters[name] = value


def typed(name: str, values: list[str]) -> OptionValue:
    """The value of an option from its words; all but lists take the first.

    Raises:
        UnsupportedOption: an unknown name, or a value of the wrong type.
    """
    option = OPTIONS.get(name)
    if option is None:
        raise UnsupportedOption(f"unknown parameter '{name}'")
    shown = f"[{' '.join(values)}]"
    match option.kind:
        case Kind.INTEGER:
            return _integer(values[0], shown)
        case Kind.FLOAT:
            return _float(values[0], shown)
        case Kind.BOOLEAN:
            return _boolean(values[0], shown)
        case Kind.STRINGS:
            return values
        case _:
            assert_never(option.kind)


def required_version(text: str) -> str:
    """The version of a REQUIRES line without a leading ``v``.

    Raises:
        InvalidInput: not a semantic version.
    """
    version = text.removeprefix("v")
    match = _VERSION.fullmatch(version)
    numbers = (match["pre"] or "").split(".") if match else ["00"]
    if any(part.isdigit() and len(part) > 1 and part[0] == "0" for part in numbers):
        raise InvalidInput("requires must be a valid semver (e.g. 0.14.0)")
    return version


def _integer(text: str, shown: str) -> int:
    digits = text.lstrip("+-").lstrip("0") or "0"
    # No more digits are converted than 64 bits can have: the conversion is not linear.
    if _INT.fullmatch(text) and len(digits) <= 19:
        value = -int(digits) if text.startswith("-") else int(digits)
        if _INT64[0] <= value <= _INT64[1]:
            return value
    raise UnsupportedOption(f"invalid int value {shown}")


def _float(text: str, shown: str) -> float:
    if _NOT_FINITE.fullmatch(text):
        return float(text)
    try:
        return _shortest(_number(text))
    except (ValueError, OverflowError):
        raise UnsupportedOption(f"invalid float value {shown}") from None


def _number(text: str) -> float:
    if _DECIMAL.fullmatch(text):
        return float(text)
    if _HEXADECIMAL.fullmatch(text):
        return float.fromhex(text.replace("_", ""))
    raise ValueError(text)


def _shortest(value: float) -> float:
    """Round to 32 bits; the result prints with as few digits as 32 bits need.

    Raises:
        OverflowError: more than 32 bits can hold.
    """
    rounded = _rounded(value)
    return next(
        short
        for digits in range(1, 18)
        if (short := float(f"{rounded:.{digits}g}")) == rounded or _is_near(short, rounded)
    )


def _is_near(value: float, rounded: float) -> bool:
    try:
        return _rounded(value) == rounded
    except OverflowError:
        return False


def _rounded(value: float) -> float:
    (rounded,) = struct.unpack("<f", struct.pack("<f", value))
    if math.isinf(rounded):
        raise OverflowError
    return float(rounded)


def _boolean(text: str, shown: str) -> bool:
    try:
        return _BOOLEANS[text]
    except KeyError:
        raise UnsupportedOption(f"invalid bool value {shown}") from None
