"""Rotary position embedding: its keys and the tensors that some variants need.

Source: transformers, ``modeling_rope_utils.py``; llama.cpp, conversion/base.py,
llama.py and phi.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from puna.errors import InvalidInput
from puna.gguf.conversion.config import Config
from puna.gguf.conversion.tensors import constant
from puna.gguf.writer import Addition, NewTensor

_MAX_WIDTH = 1 << 16
_PLAIN = ("", "default", "dynamic", "llama3")
_YARN = {
    "extrapolation_factor": "rope.scaling.yarn_ext_factor",
    "attention_factor": "rope.scaling.yarn_attn_factor",
    "beta_fast": "rope.scaling.yarn_beta_fast",
    "beta_slow": "rope.scaling.yarn_beta_slow",
}


def parameters(config: Config) -> Config:
    """What ``rope_scaling`` and ``rope_parameters`` say of layers that see all.

    Newer files keep the parameters of sliding layers apart.
    """
    merged = {**config.inner("rope_parameters").values, **config.inner("rope_scaling").values}
    apart = Config(merged).inner("full_attention")
    return apart if apart.values else Config(merged)


def base(config: Config, default: float = 10_000.0) -> float:
    """Base of the frequencies.

    Raises:
        InvalidInput: it is not positive.
    """
    found = config.number("rope_theta", parameters(config).number("rope_theta", default))
    if found <= 0:
        raise InvalidInput("the base of the rotary embedding is not positive")
    return found


def width(config: Config) -> int:
    """Elements of a head.

    Raises:
        InvalidInput: it does not follow from the configuration.
    """
    heads, size = config.count("num_attention_heads"), config.count("hidden_size")
    if not config.has("head_dim") and size % heads:
        raise InvalidInput(f"{size} elements cannot be divided among {heads} heads")
    found = config.count("head_dim", max(size // heads, 1))
    if found > _MAX_WIDTH:
        raise InvalidInput(f"a head of {found} elements cannot be")
    return found


def keys(config: Config) -> Mapping[str, Addition]:
    """Keys without the architecture.

    Raises:
        InvalidInput: a scaling that llama.cpp does not know.
    """
    rope = parameters(config)
    kind = _kind(rope)
    found: dict[str, Addition] = {"rope.freq_base": base(config)}
    if kind in _PLAIN:
        return found
    if kind == "linear":
        return found | {"rope.scaling.type": kind, "rope.scaling.factor": rope.number("factor")}
    if kind in ("su", "longrope"):
        return found | {"rope.scaling.type": "longrope"}
    if kind == "yarn":
        return found | _yarn(config, rope)
    raise InvalidInput(f'rope scaling "{kind[:40]}" cannot be converted')


def _kind(rope: Config) -> str:
    return rope.text("rope_type", rope.text("type")).lower()


def _yarn(config: Config, rope: Config) -> dict[str, Addition]:
    original = rope.count(
        "original_max_position_embeddings", config.count("max_position_embeddings")
    )
    found: dict[str, Addition] = {
        "rope.scaling.type": "yarn",
        "rope.scaling.factor": rope.number("factor"),
        "rope.scaling.original_context_length": original,
    }
    return found | {key: rope.number(name) for name, key in _YARN.items() if rope.has(name)}


def llama3_factors(config: Config) -> list[NewTensor]:
    """What each frequency is divided by, for the scaling of Llama 3.1 and later."""
    rope = parameters(config)
    if _kind(rope) != "llama3":
        return []
    factor = rope.number("factor", 8.0)
    low, high = rope.number("low_freq_factor", 1.0), rope.number("high_freq_factor", 4.0)
    original = rope.number("original_max_position_embeddings", 8192.0)
    if min(factor, low, original) <= 0 or high <= low:
        raise InvalidInput("the rope scaling of llama3 has impossible factors")
    size, theta = width(config), base(config)
    waves = [2 * math.pi * theta ** (index / size) for index in range(0, size, 2)]
    return [
        constant("rope_freqs.weight", [_divisor(w, factor, low, high, original) for w in waves])
    ]


def _divisor(wave: float, factor: float, low: float, high: float, original: float) -> float:
    if wave < original / high:
        return 1.0
    if wave > original / low:
        return factor
    smooth = (original / wave - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)


def long_factors(config: Config) -> tuple[Mapping[str, Addition], list[NewTensor]]:
    """Keys and factors of Phi-3's long contexts; none for short ones.

    Raises:
        InvalidInput: the factors do not fit the heads.
    """
    rope = parameters(config)
    long, short = rope.numbers("long_factor"), rope.numbers("short_factor")
    if not long and not short:
        return {}, []
    wanted = rope_dimensions(config) // 2
    if len(long) != wanted or len(short) != wanted:
        raise InvalidInput(f"rope scaling needs {wanted} long and {wanted} short factors")
    original = original_context(config)
    scale = config.count("max_position_embeddings") / original
    factor = 1.0
    if scale > 1 and _kind(rope) == "yarn":
        factor = 0.1 * math.log(scale) + 1
    elif scale > 1 and original > 1:
        factor = math.sqrt(1 + math.log(scale) / math.log(original))
    tensors = [
        constant("rope_factors_long.weight", long),
        constant("rope_factors_short.weight", short),
    ]
    return {"rope.scaling.attn_factor": factor}, tensors


def original_context(config: Config) -> int:
    """Context length before scaling, in tokens."""
    key = "original_max_position_embeddings"
    trained = config.count(key, config.count("max_position_embeddings"))
    return parameters(config).count(key, trained)


def rope_dimensions(config: Config) -> int:
    """Elements of a head that are turned."""
    share = config.number(
        "partial_rotary_factor", parameters(config).number("partial_rotary_factor", 1.0)
    )
    return int(share * width(config))
