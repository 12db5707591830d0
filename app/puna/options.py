"""Generation options: one table, read by every way in.

Source: ``ollama-http-api`` contract 4.2; ranges are ours, so that no number
reaches llama.cpp that it cannot hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias


class Applies(Enum):
    """When an option takes effect."""

    PER_REQUEST = auto()
    AT_LOAD = auto()


class Kind(Enum):
    """JSON type of an option; the value is the word used in error texts."""

    INTEGER = "integer"
    FLOAT = "float32"
    BOOLEAN = "boolean"
    STRINGS = "array"


OptionValue: TypeAlias = int | float | bool | list[str]


@dataclass(frozen=True, slots=True)
class Option:
    """One generation option. ``low`` and ``high`` are inclusive, ``None`` = no bound."""

    name: str
    kind: Kind
    default: OptionValue | None
    applies: Applies = Applies.PER_REQUEST
    low: float | None = None
    high: float | None = None


_INT32 = 2**31 - 1
_MAX_CONTEXT = 2**24

OPTIONS: Mapping[str, Option] = {
    option.name: option
    for option in (
        Option("num_keep", Kind.INTEGER, 4, low=-1, high=_INT32),
        Option("seed", Kind.INTEGER, -1, low=-(2**63), high=2**63 - 1),
        Option("num_predict", Kind.INTEGER, -1, low=-2, high=_INT32),
        Option("top_k", Kind.INTEGER, 40, low=-_INT32, high=_INT32),
        Option("top_p", Kind.FLOAT, 0.9, low=-100.0, high=100.0),
        Option("min_p", Kind.FLOAT, 0.0, low=0.0, high=1.0),
        Option("typical_p", Kind.FLOAT, 1.0, low=0.0, high=1.0),
        Option("repeat_last_n", Kind.INTEGER, 64, low=-1, high=_INT32),
        Option("temperature", Kind.FLOAT, 0.8, low=-100.0, high=100.0),
        Option("repeat_penalty", Kind.FLOAT, 1.0, low=0.0, high=100.0),
        Option("presence_penalty", Kind.FLOAT, 0.0, low=-100.0, high=100.0),
        Option("frequency_penalty", Kind.FLOAT, 0.0, low=-100.0, high=100.0),
        Option("stop", Kind.STRINGS, None),
        Option("num_ctx", Kind.INTEGER, None, Applies.AT_LOAD, low=-_INT32, high=_MAX_CONTEXT),
        Option("num_batch", Kind.INTEGER, None, Applies.AT_LOAD, low=-_INT32, high=2**16),
        Option("num_gpu", Kind.INTEGER, -1, Applies.AT_LOAD, low=-1, high=_INT32),
        Option("main_gpu", Kind.INTEGER, None, Applies.AT_LOAD, low=0, high=64),
        Option("use_mmap", Kind.BOOLEAN, None, Applies.AT_LOAD),
        Option("num_thread", Kind.INTEGER, 0, Applies.AT_LOAD, low=-_INT32, high=1024),
        Option("draft_num_predict", Kind.INTEGER, None, Applies.AT_LOAD, low=0, high=64),
    )
}

DEPRECATED = frozenset(
    {
        "penalize_newline",
        "low_vram",
        "f16_kv",
        "logits_all",
        "vocab_only",
        "use_mlock",
        "mirostat",
        "mirostat_tau",
        "mirostat_eta",
    }
)
"""Accepted in a Modelfile with a warning, ignored everywhere."""
