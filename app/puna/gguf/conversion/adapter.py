"""A LoRA in the form of PEFT becomes a GGUF file for its base model.

Source: llama.cpp, convert_lora_to_gguf.py; PEFT, ``LoraConfig``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from puna.errors import InvalidInput
from puna.gguf.conversion import naming
from puna.gguf.conversion.config import Config
from puna.gguf.conversion.families import FAMILIES, Family
from puna.gguf.conversion.folder import Folder
from puna.gguf.conversion.model import Report, read_all, write
from puna.gguf.conversion.safetensors import StoredTensor
from puna.gguf.conversion.tensors import F32, converted, rotated
from puna.gguf.header import Header
from puna.gguf.metadata import ModelInfo
from puna.gguf.writer import Addition, NewTensor

CONFIG = "adapter_config.json"

_PREFIX = "base_model.model."
_SIDES = {".lora_A.weight": "lora_a", ".lora_B.weight": "lora_b"}
_UNSUPPORTED = {
    "use_dora": "weight decomposition (DoRA)",
    "fan_in_fan_out": "transposed weights",
    "alpha_pattern": "a scale of its own for some weights",
    "modules_to_save": "whole weights beside the low-rank ones",
}


@dataclass(frozen=True, slots=True)
class _Base:
    """What must be known of the model that an adapter is for."""

    family: Family
    layers: int
    heads: Mapping[str, int]


def convert_adapter(files: Mapping[str, Path], base: Header, target: Path, report: Report) -> None:
    """Write an adapter.

    Args:
        files: name of each file in its folder → where it is.
        base: the model that it is for.
        target: is written; a file that could not be finished stays.
        report: is told how far it is, from 0 to 1.

    Raises:
        InvalidInput: the adapter is damaged, does not fit the model, or is of
            a kind that cannot be converted.
        OSError: a file cannot be read or written.
    """
    folder = Folder(files, CONFIG)
    config = Config(folder.document(CONFIG), CONFIG)
    _require_lora(config)
    model = _base(base)
    pairs = _pairs(read_all(folder), model)
    tensors = [tensor for name, pair in pairs.items() for tensor in _written(name, pair, model)]
    metadata: dict[str, Addition] = {
        "general.architecture": model.family.architecture,
        "general.type": "adapter",
        "general.file_type": 0,
        "adapter.type": "lora",
        "adapter.lora.alpha": _alpha(config, pairs),
    }
    write(metadata, tensors, target, report)


def _require_lora(config: Config) -> None:
    if config.text("peft_type", "LORA").upper() != "LORA":
        raise InvalidInput("only adapters of the kind LoRA can be converted")
    for key, what in _UNSUPPORTED.items():
        if config.values.get(key):
            raise InvalidInput(f"an adapter with {what} cannot be converted")


def _base(header: Header) -> _Base:
    info = ModelInfo.from_header(header)
    families = (family for family in FAMILIES.values() if family.outer.get("embed_tokens"))
    for family in families:
        if family.architecture == info.architecture:
            heads = {
                "attn_q": max(info.head_counts, default=0),
                "attn_k": max(info.kv_head_counts, default=0),
            }
            return _Base(family, info.block_count, heads if family.rotates else {})
    raise InvalidInput(
        f'an adapter for the architecture "{info.architecture}" cannot be converted here: '
        "make a GGUF file with llama.cpp's convert_lora_to_gguf.py"
    )


def _pairs(stored: Sequence[StoredTensor], base: _Base) -> dict[str, dict[str, StoredTensor]]:
    """Both matrices of each weight, by its name in GGUF."""
    pairs: dict[str, dict[str, StoredTensor]] = {}
    for tensor in stored:
        side = next((suffix for suffix in _SIDES if tensor.name.endswith(suffix)), "")
        if not side or len(tensor.shape) != 2:
            raise InvalidInput(f"tensor {tensor.name[:120]!r} is no part of a LoRA")
        plain = tensor.name.removesuffix(side).removeprefix(_PREFIX) + ".weight"
        name = naming.new_name(plain, base.family, base.layers)
        if name is None or not name.startswith("blk."):
            raise InvalidInput(f"an adapter for {plain[:120]!r} cannot be converted")
        pairs.setdefault(name, {})[_SIDES[side]] = tensor
    for name, pair in pairs.items():
        if len(pair) != 2 or pair["lora_a"].shape[0] != pair["lora_b"].shape[1]:
            raise InvalidInput(f"the two matrices for {name} do not fit together")
    if not pairs:
        raise InvalidInput("the adapter has no weights")
    return pairs


def _written(name: str, pair: Mapping[str, StoredTensor], base: _Base) -> list[NewTensor]:
    heads = next((count for part, count in base.heads.items() if f".{part}." in name), 0)
    rows = rotated(pair["lora_b"].shape[0], heads) if heads else None
    return [
        converted(pair["lora_a"], f"{name}.lora_a", F32),
        converted(pair["lora_b"], f"{name}.lora_b", F32, rows=rows),
    ]


def _alpha(config: Config, pairs: Mapping[str, Mapping[str, StoredTensor]]) -> float:
    """Alpha for llama.cpp, which divides it by the rank.

    An adapter that is stabilised for its rank divides it by the root of it.
    """
    alpha = config.number("lora_alpha")
    if not config.flag("use_rslora"):
        return alpha
    ranks = {pair["lora_a"].shape[0] for pair in pairs.values()}
    if len(ranks) != 1:
        raise InvalidInput("a stabilised adapter with several ranks cannot be converted")
    return alpha * math.sqrt(ranks.pop())
