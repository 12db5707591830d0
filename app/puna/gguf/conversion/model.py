"""A model in the form of Hugging Face becomes one GGUF file.

Weights keep their type: BF16 stays, F16 stays, F32 becomes F16. Vectors and
norms become F32, since llama.cpp computes with them so.

Source: ``ollama-store-registry-cli`` contract, 4.4; llama.cpp, conversion/base.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from puna.errors import InvalidInput
from puna.gguf.conversion import naming, pooling, tokenizer
from puna.gguf.conversion.config import Config
from puna.gguf.conversion.families import Family, family_of
from puna.gguf.conversion.folder import Folder
from puna.gguf.conversion.safetensors import StoredTensor, read_tensors
from puna.gguf.conversion.tensors import BF16, F16, F32, converted, rotated
from puna.gguf.writer import Addition, NewTensor, write_file

Report = Callable[[float], None]

CONFIG = "config.json"

_INDEX = "model.safetensors.index.json"
_ALWAYS_F32 = ("position_embd.weight", "token_types.weight")
_FILE_TYPES = {F16: 1, BF16: 32}


def convert_model(files: Mapping[str, Path], target: Path, report: Report) -> None:
    """Write a model.

    Args:
        files: name of each file in its folder → where it is.
        target: is written; a file that could not be finished stays.
        report: is told how far it is, from 0 to 1.

    Raises:
        InvalidInput: the model is damaged, incomplete or of a kind that cannot
            be converted.
        OSError: a file cannot be read or written.
    """
    folder = Folder(files, CONFIG)
    config = Config(folder.document(CONFIG))
    family = family_of(config)
    stored = read_all(folder)
    tensors = [*_tensors(stored, config, family), *family.extra(config)]
    write(_metadata(folder, config, family, tensors), tensors, target, report)


def read_all(folder: Folder) -> list[StoredTensor]:
    """The tensors of all files of the weights.

    Raises:
        InvalidInput: a file is damaged or missing, or two have the same tensor.
        OSError: a file cannot be read.
    """
    found: dict[str, StoredTensor] = {}
    for path in folder.weights():
        for name, tensor in read_tensors(path).items():
            if name in found:
                raise InvalidInput(f"tensor {name[:120]!r} is in two files")
            found[name] = tensor
    listed = folder.optional(_INDEX).get("weight_map")
    missing = set(listed if isinstance(listed, dict) else ()) - found.keys()
    if missing:
        raise InvalidInput(f"the weights are not complete: {min(missing)} is in no file")
    return list(found.values())


def write(
    metadata: Mapping[str, Addition], tensors: Sequence[NewTensor], target: Path, report: Report
) -> None:
    """Write a file and tell how far it is.

    Raises:
        InvalidModelFile: something in it cannot be written.
        OSError: the disk is full.
    """
    total = sum(tensor.nbytes for tensor in tensors) or 1
    with target.open("wb") as file:

        def put(data: bytes) -> None:
            file.write(data)
            report(min(file.tell() / total, 1.0))

        write_file(metadata, tensors, put)


def _tensors(stored: Iterable[StoredTensor], config: Config, family: Family) -> list[NewTensor]:
    layers = config.count("num_hidden_layers")
    named: dict[str, StoredTensor] = {}
    for tensor in stored:
        name = naming.new_name(tensor.name, family, layers)
        if name is None:
            continue
        if name in named:
            raise InvalidInput(f"tensors {tensor.name!r} and {named[name].name!r} are the same")
        named[name] = tensor
    naming.require_all(named, family, layers)
    return [_tensor(name, tensor, config, family) for name, tensor in named.items()]


def _tensor(name: str, tensor: StoredTensor, config: Config, family: Family) -> NewTensor:
    norm = name.endswith("_norm.weight")
    heads = rotated_heads(name, config, family)
    rows = rotated(tensor.shape[0], heads) if heads and tensor.shape else None
    plain = norm or len(tensor.shape) < 2 or name in _ALWAYS_F32
    type_id = F32 if plain else BF16 if tensor.dtype == "BF16" else F16
    shift = family.norm_shift if norm else 0.0
    return converted(tensor, name, type_id, rows=rows, shift=shift)


def rotated_heads(name: str, config: Config, family: Family) -> int:
    """Heads whose rows must be put in another order; 0 = none."""
    if not family.rotates:
        return 0
    heads = config.count("num_attention_heads")
    if ".attn_q." in name:
        return heads
    return config.count("num_key_value_heads", heads) if ".attn_k." in name else 0


def _metadata(
    folder: Folder, config: Config, family: Family, tensors: Sequence[NewTensor]
) -> dict[str, Addition]:
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    width, *rows = shapes["token_embd.weight"]
    if width != config.count("hidden_size") or not rows:
        raise InvalidInput(f'the embedding is {width} wide, not as "hidden_size" says')
    encoder = family.architecture == "bert"
    keys = {**family.keys(config), **pooling.keys(folder, encoder=encoder)}
    return {
        "general.architecture": family.architecture,
        "general.file_type": _file_type(tensors),
        "general.quantization_version": 2,
        **{f"{family.architecture}.{key}": value for key, value in keys.items()},
        **tokenizer.keys(folder, rows[0]),
    }


def _file_type(tensors: Sequence[NewTensor]) -> int:
    """The type that most of the weights have."""
    sizes = {
        kind: sum(tensor.nbytes for tensor in tensors if tensor.type_id == kind)
        for kind in _FILE_TYPES
    }
    return _FILE_TYPES[max(sizes, key=lambda kind: sizes[kind])]
