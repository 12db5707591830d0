"""Names of tensors: from Hugging Face's to GGUF's, and whether all are there."""

from __future__ import annotations

import re
from collections.abc import Iterable

from puna.errors import InvalidInput
from puna.gguf.conversion.families import Family

_PREFIXES = ("model.", "bert.")
_NUMBERED = re.compile(r"(\d{1,4})\.(.+)")
_OLD_SUFFIXES = {".gamma": ".weight", ".beta": ".bias"}
_UNUSED = (".rotary_emb.inv_freq", ".attention.masked_bias", ".attention.bias")


def new_name(name: str, family: Family, layers: int) -> str | None:
    """Name in GGUF of a weight or bias; ``None`` for what is not needed.

    Raises:
        InvalidInput: models of this family have no such tensor.
    """
    short = _short(name)
    if short.startswith(family.ignored) or short.endswith(_UNUSED):
        return None
    stem, _, kind = short.rpartition(".")
    if kind in ("weight", "bias"):
        if stem in family.outer:
            return f"{family.outer[stem]}.{kind}"
        if stem.startswith(family.prefix):
            return _layer_name(name, stem, kind, family, layers)
    raise _unknown(name, family)


def _layer_name(name: str, stem: str, kind: str, family: Family, layers: int) -> str:
    match = _NUMBERED.fullmatch(stem.removeprefix(family.prefix))
    if match is None or match[2] not in family.layers or int(match[1]) >= layers:
        raise _unknown(name, family)
    return f"blk.{int(match[1])}.{family.layers[match[2]]}.{kind}"


def _unknown(name: str, family: Family) -> InvalidInput:
    return InvalidInput(f"tensor {name[:120]!r} is not part of a {family.architecture} model")


def _short(name: str) -> str:
    """Without the model in front, and with today's suffixes."""
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    for old, new in _OLD_SUFFIXES.items():
        if name.endswith(old):
            return name.removesuffix(old) + new
    return name


def require_all(names: Iterable[str], family: Family, layers: int) -> None:
    """Refuse a model that lacks weights, such as one whose last file was left out.

    Raises:
        InvalidInput: a weight is missing.
    """
    present = set(names)
    outer = [part for part in family.outer.values() if part not in family.optional]
    wanted = [f"{part}.weight" for part in outer]
    for number in range(layers):
        wanted += [f"blk.{number}.{part}.weight" for part in family.layers.values()]
        missing = [name for name in wanted if name not in present]
        if missing:
            raise InvalidInput(f"the weights are not complete: {missing[0]} is missing")
        wanted.clear()
