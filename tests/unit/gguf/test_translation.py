from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from puna.errors import InvalidModelFile
from puna.gguf.header import Array, Header
from puna.gguf.reader import read_header
from puna.gguf.translation.catalogue import obstacle, projector, translation
from puna.gguf.writer import Changes, combine


@pytest.fixture
def header(gguf: Any, tmp_path: Path) -> Any:
    def header(*args: Any, **changes: Any) -> Header:
        path = tmp_path / "m.gguf"
        path.write_bytes(gguf(*args, **changes))
        return read_header(path)

    return header


def _translated(source: Header) -> Header:
    return _made(source, translation(source), ".new")


def _projector(source: Header) -> Header:
    return _made(source, projector(source), ".mmproj")


def _made(source: Header, changes: Changes | None, suffix: str) -> Header:
    assert changes is not None
    path = source.path.with_suffix(suffix)
    with path.open("wb") as file:
        combine([source], file.write, changes)
    return read_header(path)


def test_a_file_of_upstream_has_no_obstacle(header: Any) -> None:
    assert obstacle(header()) == ""


@pytest.mark.parametrize("architecture", ["gptoss", "olmo3", "glm4moelite"])
def test_architectures_of_other_names_are_told(header: Any, architecture: str) -> None:
    found = obstacle(header(general__architecture=architecture))
    assert found == "the file has the form of Ollama's own converter"


def test_an_architecture_without_a_counterpart_is_told(header: Any) -> None:
    source = header(general__architecture="mllama")
    assert obstacle(source) == "llama.cpp has no architecture mllama"
    assert translation(source) is None
    assert projector(source) is None


def test_a_built_in_encoder_is_told(header: Any) -> None:
    tensors = [("token_embd.weight", (32, 4)), ("v.patch_embd.weight", (32,))]
    assert "built-in encoder" in obstacle(header(tensors))


CLIP = {"general.architecture": "clip", "general.type": "mmproj"}


def test_a_projector_of_its_own_is_no_obstacle(header: Any) -> None:
    metadata = CLIP | {"clip.vision.projector_type": "gemma3"}
    assert obstacle(header([("v.blk.0.ln1.weight", (32,))], bare=metadata)) == ""


def test_a_projector_that_does_not_say_what_it_is_has_two_layers(header: Any) -> None:
    source = header([("v.blk.0.ln1.weight", (32,))], bare=CLIP)
    assert obstacle(source) == "the file does not say what kind of projector it is"
    made = _translated(source)
    assert made.metadata["clip.projector_type"] == "mlp"
    assert obstacle(made) == ""


GEMMA = {
    "general.architecture": "gemma3",
    "gemma3.block_count": 1,
    "gemma3.context_length": 131_072,
    "gemma3.rope.global.freq_base": 1e6,
    "gemma3.mm.tokens_per_image": 256,
    "gemma3.vision.block_count": 27,
    "gemma3.embedding_length": 32,
    "gemma3.vision.image_size": 56,
    "gemma3.vision.attention.layer_norm_epsilon": 1e-5,
    "tokenizer.ggml.tokens": ["a", "b", "c"],
}
GEMMA_TENSORS = [
    ("token_embd.weight", (32, 2)),
    ("v.patch_embedding.weight", (14, 14, 3, 2)),
    ("v.blk.0.mlp.fc1.weight", (8,)),
    ("mm.mm_input_projection.weight", (8,)),
]


def test_gemma3_loses_its_encoder_and_gets_the_names_of_upstream(header: Any) -> None:
    source = header(GEMMA_TENSORS, bare=GEMMA)
    assert obstacle(source)
    made = _translated(source)
    assert [tensor.name for tensor in made.tensors] == ["token_embd.weight"]
    assert made.metadata["gemma3.rope.freq_base"] == 1e6
    assert made.metadata["gemma3.rope.freq_base_swa"] == 1e4
    assert made.metadata["gemma3.attention.layer_norm_rms_epsilon"] == 1e-6
    assert made.metadata["gemma3.rope.scaling.factor"] == 8.0
    assert not [key for key in made.metadata if ".vision." in key or ".mm." in key]
    tokens = made.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Array)
    assert tokens.items == ("a", "b")
    assert obstacle(made) == ""


def test_the_encoder_of_gemma3_becomes_a_projector(header: Any) -> None:
    made = _projector(header(GEMMA_TENSORS, bare=GEMMA))
    assert [tensor.name for tensor in made.tensors] == [
        "v.patch_embd.weight",
        "v.blk.0.ffn_up.weight",
        "mm.input_projection.weight",
    ]
    mean = made.metadata.pop("clip.vision.image_mean")  # type: ignore[attr-defined]
    assert mean.items == (0.5, 0.5, 0.5)
    assert {key: value for key, value in made.metadata.items() if "image_std" not in key} == {
        "general.architecture": "clip",
        "general.type": "mmproj",
        "clip.has_vision_encoder": True,
        "clip.use_gelu": True,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.block_count": 27,
        "clip.vision.image_size": 56,
        "clip.vision.projection_dim": 32,
        "clip.vision.projector_type": "gemma3",
    }
    assert obstacle(made) == ""


def test_a_file_without_an_encoder_has_no_projector(header: Any) -> None:
    source = header(GEMMA_TENSORS[:1], bare=GEMMA)
    assert obstacle(source)
    assert projector(source) is None


def test_values_of_the_file_come_before_defaults(header: Any) -> None:
    metadata = GEMMA | {"gemma3.rope.scaling.type": "yarn", "gemma3.rope.scaling.factor": 4.0}
    made = _translated(header(GEMMA_TENSORS[:1], bare=metadata))
    assert made.metadata["gemma3.rope.scaling.type"] == "yarn"
    assert made.metadata["gemma3.rope.scaling.factor"] == 4.0


@pytest.mark.parametrize("shape", [(), (3,), (3, 5), (1, 2, 3, 4)])
@pytest.mark.parametrize(
    ("architecture", "names"),
    [
        ("gemma3n", ["token_embd.weight", "per_layer_token_embd.weight"]),
        ("glmocr", ["blk.0.ffn_gate.weight", "blk.0.ffn_up.weight", "v.patch_embd_0.weight"]),
        ("mistral3", ["v.blk.0.attn_q.weight", "v.blk.0.attn_k.weight"]),
        ("nemotron_h_moe", ["blk.0.ffn_latent_in.weight"]),
        ("qwen3vl", ["v.patch_embed.weight", "v.blk.0.attn_q.bias"]),
        ("deepseekocr", ["blk.1.ffn_down_exps.weight", "s.blk.0.norm1.weight"]),
    ],
)
def test_tensors_of_any_shape_are_translated_or_refused(
    header: Any, architecture: str, names: list[str], shape: tuple[int, ...]
) -> None:
    tensors = [(name, shape) for name in names]
    source = header(tensors, bare={"general.architecture": architecture})
    for make in (translation, projector):
        try:
            changes = make(source)
            if changes:
                _made(source, changes, ".new")
        except InvalidModelFile:
            continue


def test_two_tensors_that_would_have_one_name_are_refused(header: Any) -> None:
    tensors = [("v.patch_embd.weight", (8,)), ("v.patch_embedding.weight", (8,))]
    with pytest.raises(InvalidModelFile, match="same name"):
        projector(header(tensors, bare=GEMMA))


def test_gpt_oss_gets_the_names_of_upstream(header: Any) -> None:
    names = ["attn_out.weight", "attn_out.bias", "attn_sinks", "ffn_norm.weight", "attn_q.weight"]
    tensors = [(f"blk.0.{name}", (8,)) for name in names]
    tensors.append(("blk.0.ffn_gate_exps.weight", (4, 6, 2)))
    metadata = {"general.architecture": "gptoss", "gptoss.block_count": 1}
    made = _translated(header(tensors, bare=metadata))
    assert [tensor.name for tensor in made.tensors] == [
        "blk.0.attn_output.weight",
        "blk.0.attn_output.bias",
        "blk.0.attn_sinks.weight",
        "blk.0.post_attention_norm.weight",
        "blk.0.attn_q.weight",
        "blk.0.ffn_gate_exps.weight",
    ]
    assert made.metadata["general.architecture"] == "gpt-oss"
    assert made.metadata["gpt-oss.block_count"] == 1
    assert made.metadata["gpt-oss.expert_feed_forward_length"] == 6
    assert made.metadata["tokenizer.ggml.pre"] == "gpt-4o"


def test_qwen25vl_is_qwen2vl_with_four_sections(header: Any) -> None:
    metadata = {
        "general.architecture": "qwen25vl",
        "qwen25vl.block_count": 1,
        "qwen25vl.rope.mrope_section": ("i32", [16, 24, 24]),
    }
    made = _translated(header(bare=metadata))
    sections = made.metadata["qwen2vl.rope.dimension_sections"]
    assert isinstance(sections, Array)
    assert sections.items == (16, 24, 24, 0)
    assert made.metadata["general.architecture"] == "qwen2vl"


@pytest.mark.model
def test_a_rewritten_real_file_still_loads(smollm2: Path, tmp_path: Path) -> None:
    llama_cpp = pytest.importorskip("llama_cpp")
    target = tmp_path / "text.gguf"
    with target.open("wb") as file:
        combine([read_header(smollm2)], file.write, Changes(add={"x.y": "z"}))
    model = llama_cpp.Llama(str(target), n_ctx=64, verbose=False)
    assert model.n_vocab() == 49152
    model.close()
