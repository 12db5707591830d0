from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from puna.gguf.metadata import Kind, ModelInfo, Recurrent, Split, kind_of, parameter_size
from puna.gguf.reader import read_header


@pytest.fixture
def info(gguf: Any, tmp_path: Path) -> Any:
    def info(**changes: Any) -> ModelInfo:
        path = tmp_path / "m.gguf"
        path.write_bytes(gguf(**changes))
        return ModelInfo.from_header(read_header(path))

    return info


def test_a_plain_model_is_described(info: Any) -> None:
    found = info()
    assert (found.architecture, found.kind, found.quantization) == ("llama", Kind.MODEL, "F16")
    assert (found.context_length, found.embedding_length, found.block_count) == (256, 32, 1)
    assert (found.head_counts, found.kv_head_counts) == ((4,), (2,))
    assert (found.key_length, found.value_length, found.vocab_size) == (8, 8, 4)
    assert found.pooling_type is None


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (8_000_000_000, "8B"),
        (7_615_616_512, "7.6B"),
        (134_515_008, "134.52M"),
        (22_000_000, "22M"),
        (120_640, "121K"),
        (999, "999"),
    ],
)
def test_parameter_sizes_are_written_as_ollama_does(count: int, text: str) -> None:
    assert parameter_size(count) == text


def test_plain_f32_has_no_quantization_name(info: Any) -> None:
    assert info(general__file_type=0).quantization == "unknown"


def test_head_counts_may_differ_by_layer(info: Any) -> None:
    found = info(llama__block_count=3, llama__attention__head_count_kv=("i32", [2, 0, 4]))
    assert found.kv_head_counts == (2, 0, 4)
    assert found.head_counts == (4, 4, 4)


def test_without_kv_heads_every_query_head_has_its_own(info: Any) -> None:
    assert info(llama__attention__head_count_kv=None).kv_head_counts == (4,)


def test_bytes_are_counted_per_layer(info: Any) -> None:
    found = info()
    assert found.layer_bytes == (4096,)
    assert (found.input_bytes, found.output_bytes) == (512, 512)
    assert found.other_bytes == 512 + 512


def test_bytes_of_a_built_in_encoder_are_known(info: Any) -> None:
    found = info(tensors=[("token_embd.weight", (32, 4)), ("v.blk.0.attn_q.weight", (32, 32))])
    assert (found.encoder_bytes, found.layer_bytes) == (4096, (0,))


def test_recurrent_keys_are_read(info: Any) -> None:
    changes = {"llama__ssm__conv_kernel": 4, "llama__ssm__inner_size": 64}
    assert info(**changes).recurrent == Recurrent(conv_kernel=4, inner_size=64)
    assert info(**changes).recurrent.present


def test_sliding_windows_are_read(info: Any) -> None:
    found = info(llama__attention__sliding_window=512)
    assert (found.sliding_window, found.sliding_layers) == (512, ())


def test_the_place_in_a_split_model_is_read(info: Any) -> None:
    assert info(split__no=1, split__count=3).split == Split(1, 3)


def test_wrongly_typed_values_count_as_not_said(info: Any) -> None:
    found = info(llama__context_length="long", llama__block_count=2.5)
    assert (found.context_length, found.block_count) == (0, 0)


def test_an_embedding_model_names_its_pooling(info: Any) -> None:
    assert info(llama__pooling_type=1).is_embedding


@pytest.mark.parametrize(
    ("metadata", "kind"),
    [
        ({"general.architecture": "llama", "general.type": "adapter"}, Kind.ADAPTER),
        ({"general.architecture": "clip", "general.type": "mmproj"}, Kind.PROJECTOR),
        ({"general.architecture": "clip", "clip.has_vision_encoder": True}, Kind.PROJECTOR),
        ({"general.architecture": "x", "x.vision.block_count": 2}, Kind.PROJECTOR),
        (
            {"general.architecture": "x", "x.vision.block_count": 2, "x.block_count": 2},
            Kind.MODEL,
        ),
        ({"general.architecture": "llama", "llama.block_count": 2}, Kind.MODEL),
    ],
)
def test_the_kind_of_a_file_is_recognised(
    gguf: Any, tmp_path: Path, metadata: dict[str, Any], kind: Kind
) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf(bare=metadata))
    assert kind_of(read_header(path)) is kind


@pytest.mark.model
def test_a_real_model_is_described(smollm2: Path) -> None:
    found = ModelInfo.from_header(read_header(smollm2))
    assert (found.parameter_size, found.quantization) == ("134.52M", "Q4_1")
    assert (found.context_length, found.block_count, found.vocab_size) == (8192, 30, 49152)
    assert set(found.kv_head_counts) == {3}
    assert found.key_length == 64
