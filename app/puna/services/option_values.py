"""Generation options of a request and of a model, checked and merged.

Source: contract ``ollama-http-api`` 4.2. Request before model before default;
unknown names are reported, wrong types and ranges refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from puna.api.fields import read_keep_alive
from puna.errors import InvalidInput, StoreDamaged, UnsupportedOption
from puna.options import DEPRECATED, OPTIONS, Applies, Kind, Option, OptionValue
from puna.runner.protocol import Sampling

MAX_STOPS = 64
_MIN_CONTEXT = 4
_TYPES = {
    Kind.INTEGER: "of type integer",
    Kind.FLOAT: "of type float32",
    Kind.BOOLEAN: "of type boolean",
    Kind.STRINGS: "of type array",
}
_SAMPLING = (
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "typical_p",
    "repeat_last_n",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
    "seed",
    "num_predict",
    "num_keep",
)
KEEP_ALIVE = "keep_alive"
"""A parameter of models that is no option: a request says it in a field of its own."""
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")
_ESSENTIAL = frozenset(
    {"stop", *(row.name for row in OPTIONS.values() if row.applies is Applies.AT_LOAD)}
)


@dataclass(frozen=True, slots=True)
class Merged:
    """The options of one request.

    Attributes:
        values: every option by name, ``None`` where nobody decided.
        unknown: names in the request that mean nothing here.
    """

    values: Mapping[str, OptionValue | None]
    unknown: tuple[str, ...]

    @property
    def sampling(self) -> Sampling:
        """The part that the sampler needs."""
        chosen: dict[str, Any] = {name: self.values[name] for name in _SAMPLING}
        return Sampling(**chosen, stop=self.strings("stop"))

    def integer(self, name: str) -> int | None:
        """An integer option, ``None`` where nobody decided."""
        value = self.values[name]
        return value if isinstance(value, int) else None

    def flag(self, name: str) -> bool | None:
        """A boolean option, ``None`` where nobody decided."""
        value = self.values[name]
        return value if isinstance(value, bool) else None

    def strings(self, name: str) -> tuple[str, ...]:
        """A list option."""
        value = self.values[name]
        return tuple(value) if isinstance(value, list) else ()

    @property
    def context_length(self) -> int | None:
        """``num_ctx``, at least the smallest that works; ``None`` = choose."""
        asked = self.integer("num_ctx")
        return None if asked is None else max(asked, _MIN_CONTEXT)

    @property
    def batch(self) -> int | None:
        """``num_batch``; 0 and less mean that nobody decided."""
        asked = self.integer("num_batch")
        return asked if asked is not None and asked > 0 else None


def merge(request: Mapping[str, Any], model: Mapping[str, Any]) -> Merged:
    """The options in force.

    Raises:
        UnsupportedOption: the request has a wrong type or a value out of range.
        StoreDamaged: the model has.
    """
    values: dict[str, OptionValue | None] = {name: row.default for name, row in OPTIONS.items()}
    try:
        values.update(_stored(model))
    except UnsupportedOption as error:
        raise StoreDamaged(str(error)) from error
    values.update(_checked(request))
    unknown = tuple(name for name in request if name not in OPTIONS and name not in DEPRECATED)
    return Merged(values, unknown)


def check_stored(parameters: Mapping[str, Any]) -> None:
    """Refuse parameters that would leave a new model unusable.

    These are the ones that say how it is loaded, and ``stop``. Values for the
    sampler are stored as given, as Ollama does: each request may bring better
    ones, and is told of those it cannot use.

    Raises:
        UnsupportedOption: a wrong type or a value out of range.
    """
    _keep_alive(parameters)
    _stored({name: value for name, value in parameters.items() if name in _ESSENTIAL})


def keep_alive_of(parameters: Mapping[str, Any]) -> float | None:
    """Seconds a model wants to stay in memory by its own parameters.

    Raises:
        StoreDamaged: not a duration.
    """
    try:
        return _keep_alive(parameters)
    except UnsupportedOption as error:
        raise StoreDamaged(str(error)) from error


def _keep_alive(parameters: Mapping[str, Any]) -> float | None:
    value = parameters.get(KEEP_ALIVE)
    try:
        return None if value is None else read_keep_alive(value)
    except InvalidInput as error:
        raise UnsupportedOption(f'parameter "{KEEP_ALIVE}": {error}') from error


def _stored(parameters: Mapping[str, Any]) -> dict[str, OptionValue]:
    """Parameters of a model: one text may stand for a list, and digits for a number."""
    return _checked({name: _meant(name, value) for name, value in parameters.items()})


def _meant(name: str, value: Any) -> Any:
    if not isinstance(value, str) or name not in OPTIONS:
        return value
    kind = OPTIONS[name].kind
    if kind is Kind.STRINGS:
        return [value]
    if kind in (Kind.INTEGER, Kind.FLOAT) and _NUMBER.fullmatch(value):
        return float(value) if kind is Kind.FLOAT else int(float(value))
    return value


def _checked(options: Mapping[str, Any]) -> dict[str, OptionValue]:
    return {
        name: _value(OPTIONS[name], value)
        for name, value in options.items()
        if name in OPTIONS and value is not None
    }


def _value(option: Option, value: Any) -> OptionValue:
    match option.kind:
        case Kind.STRINGS:
            return _strings(option, value)
        case Kind.BOOLEAN:
            if isinstance(value, bool):
                return value
        case Kind.INTEGER if isinstance(value, int | float) and not isinstance(value, bool):
            return int(_in_range(option, value))
        case Kind.FLOAT if isinstance(value, int | float) and not isinstance(value, bool):
            return float(_in_range(option, value))
        case _:
            pass
    raise UnsupportedOption(f'option "{option.name}" must be {_TYPES[option.kind]}')


def _in_range(option: Option, value: float) -> float:
    low, high = option.low, option.high
    if (low is None or value >= low) and (high is None or value <= high):
        return value
    raise UnsupportedOption(
        f'option "{option.name}" must be between {_number(low)} and {_number(high)}'
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.15g}"


def _strings(option: Option, value: Any) -> list[str]:
    if not isinstance(value, list):
        raise UnsupportedOption(f'option "{option.name}" must be {_TYPES[option.kind]}')
    if not all(isinstance(item, str) for item in value):
        raise UnsupportedOption(f'option "{option.name}" must be of an array of strings')
    if len(value) > MAX_STOPS:
        raise UnsupportedOption(f'option "{option.name}" may hold {MAX_STOPS} texts at most')
    return value
