from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.model import hugging_face as hf

from puna.errors import InvalidInput
from puna.gguf.conversion.adapter import convert_adapter
from puna.gguf.header import Header
from puna.gguf.metadata import Kind, kind_of
from puna.gguf.reader import read_header

PART = "base_model.model.model.layers.0.self_attn."
CONFIG = {"peft_type": "LORA", "lora_alpha": 8, "r": 4, "modules_to_save": None}


def weights(part: str = f"{PART}v_proj", *, rank: int = 4) -> hf.Weights:
    return {
        f"{part}.lora_A.weight": np.ones((4, hf.HIDDEN)),
        f"{part}.lora_B.weight": np.ones((32, rank)),
    }


def converted(gguf: Any, folder: Path, config: object, tensors: hf.Weights, **base: Any) -> Header:
    model = folder / "base.gguf"
    known = {"llama__block_count": 2, "llama__attention__head_count": 4}
    model.write_bytes(gguf(**known | base))
    files = {"adapter_config.json": config, "adapter_model.safetensors": hf.safetensors(tensors)}
    target = folder / "out.gguf"
    convert_adapter(
        hf.write_folder(folder / "in", files), read_header(model), target, lambda part: None
    )
    return read_header(target)


def test_an_adapter_names_its_kind_scale_and_weights(gguf: Any, tmp_path: Path) -> None:
    header = converted(gguf, tmp_path, CONFIG, weights())
    assert kind_of(header) is Kind.ADAPTER
    assert header.text("adapter.type") == "lora"
    assert header.number("adapter.lora.alpha") == 8.0
    shapes = {tensor.name: (tensor.shape, tensor.type) for tensor in header.tensors}
    assert shapes == {
        "blk.0.attn_v.weight.lora_a": ((64, 4), "F32"),
        "blk.0.attn_v.weight.lora_b": ((4, 32), "F32"),
    }


REFUSED: list[tuple[dict[str, Any], hf.Weights, str]] = [
    ({"peft_type": "IA3"}, weights(), "only adapters of the kind LoRA"),
    ({"use_dora": True}, weights(), "DoRA"),
    ({"modules_to_save": ["lm_head"]}, weights(), "whole weights"),
    ({"lora_alpha": None}, weights(), 'does not say "lora_alpha"'),
    ({}, {}, "has no weights"),
    ({}, weights(rank=5), "do not fit together"),
    ({}, {f"{PART}v_proj.lora_A.weight": np.ones((4, 64))}, "do not fit together"),
    ({}, {f"{PART}v_proj.weight": np.ones((4, 64))}, "no part of a LoRA"),
    ({}, weights("base_model.model.lm_head"), "cannot be converted"),
    ({}, weights(f"{PART}x_proj"), "not part of a llama model"),
    ({}, weights(PART.replace("0", "7") + "v_proj"), "not part of a llama model"),
]


@pytest.mark.parametrize(("config", "tensors", "text"), REFUSED, ids=[text for *_, text in REFUSED])
def test_an_adapter_that_cannot_be_converted_is_refused(
    gguf: Any, tmp_path: Path, config: dict[str, Any], tensors: hf.Weights, text: str
) -> None:
    with pytest.raises(InvalidInput, match=text):
        converted(gguf, tmp_path, CONFIG | config, tensors)


def test_a_base_of_another_architecture_is_refused(gguf: Any, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r'"mamba".*convert_lora_to_gguf'):
        converted(gguf, tmp_path, CONFIG, weights(), general__architecture="mamba")
