"""Typed access to a JSON object that somebody else wrote."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from puna.errors import InvalidInput

_INT32_MAX = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Config:
    """An object of a configuration file; ``null`` counts as missing.

    Attributes:
        values: the object.
        file: its name, for messages.
    """

    values: Mapping[str, Any]
    file: str = "config.json"

    def has(self, key: str) -> bool:
        """Whether there is a value."""
        return self.values.get(key) is not None

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number from 1 to 2^31-1.

        Raises:
            InvalidInput: it is something else, or missing without a default.
        """
        value = self._value(key, default)
        if type(value) is not int or not 0 < value <= _INT32_MAX:
            raise self._bad(key, "a positive whole number")
        return value

    def number(self, key: str, default: float | None = None) -> float:
        """A finite number.

        Raises:
            InvalidInput: it is something else, or missing without a default.
        """
        value = self._value(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self._bad(key, "a number")
        if abs(value) > 1e38 or not math.isfinite(value):
            raise self._bad(key, "a finite number")
        return float(value)

    def numbers(self, key: str) -> list[float]:
        """A list of finite numbers; empty when missing.

        Raises:
            InvalidInput: it is something else.
        """
        items = self._value(key, [])
        if not isinstance(items, list):
            raise self._bad(key, "a list of numbers")
        return [Config({key: item}, self.file).number(key) for item in items]

    def text(self, key: str, default: str = "") -> str:
        """A text.

        Raises:
            InvalidInput: it is something else.
        """
        value = self._value(key, default)
        if not isinstance(value, str):
            raise self._bad(key, "a text")
        return value

    def flag(self, key: str, *, default: bool = False) -> bool:
        """A truth value; anything that is none counts as missing."""
        value = self.values.get(key)
        return value if isinstance(value, bool) else default

    def inner(self, key: str) -> Config:
        """An object inside; empty when missing or something else."""
        value = self.values.get(key)
        return Config(value if isinstance(value, dict) else {}, self.file)

    def _value(self, key: str, default: object) -> object:
        value = self.values.get(key)
        value = default if value is None else value
        if value is None:
            raise InvalidInput(f'{self.file} does not say "{key}"')
        return value

    def _bad(self, key: str, wanted: str) -> InvalidInput:
        return InvalidInput(f'"{key}" in {self.file} is not {wanted}')
