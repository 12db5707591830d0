"""Models in the form of Hugging Face, converted and run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import numpy.typing as npt
import pytest

from puna.gguf import checks
from puna.gguf.conversion.adapter import convert_adapter
from puna.gguf.conversion.model import convert_model
from puna.gguf.header import Header
from puna.gguf.metadata import ModelInfo
from puna.gguf.reader import read_header
from puna.runner.protocol import Adapter, Embed, Embedded, Failed, Raw, Tokenize, Tokens

from . import hugging_face as hf
from .conftest import Answer, RunnerChild

pytestmark = pytest.mark.model

VOCAB = 260
GEMMA2_NORMS = ("pre_feedforward_layernorm", "post_feedforward_layernorm")
HEAD_NORMS = ("self_attn.q_norm", "self_attn.k_norm")
PROJECTIONS = ("q_proj", "k_proj", "v_proj")
GEMMA = {"head_dim": hf.WIDTH, "hidden_act": "gelu_pytorch_tanh", "sliding_window": 32}

Converted = Callable[..., Path]


def files_of(architecture: str, weights: hf.Weights, **config: Any) -> dict[str, object]:
    vocab = len(weights["model.embed_tokens.weight"])
    return {
        "config.json": {
            **hf.CONFIG,
            "architectures": [architecture],
            "vocab_size": vocab,
            **config,
        },
        "tokenizer.json": hf.byte_pair_tokenizer(),
        "model.safetensors": hf.safetensors(weights),
    }


@pytest.fixture
def converted(tmp_path: Path) -> Converted:
    """Convert files by their names; where the GGUF file is."""

    def convert(files: Mapping[str, object], name: str = "model") -> Path:
        paths = hf.write_folder(tmp_path / name, files)
        target = tmp_path / f"{name}.gguf"
        convert_model(paths, target, lambda part: None)
        checks.check(read_header(target))
        return target

    return convert


@pytest.fixture
def answer_of(start_runner: Callable[[], RunnerChild]) -> Callable[..., Answer]:
    """What a model says to a prompt, with the likeliest tokens of each step."""

    def ask(path: Path, prompt: str = "the hedgehog", *adapters: Adapter) -> Answer:
        child = start_runner()
        child.load(path, context_length=64, parallel=1)
        answer = child.raw(1, prompt, num_predict=8, logprobs=5, adapters=adapters)
        assert answer.failed is None
        return answer

    return ask


def likeliest(answer: Answer) -> npt.NDArray[np.float64]:
    """The highest log probabilities of each step."""
    return np.array([[chance for _, chance in step.top] for step in answer.logprobs])


def assert_same(one: Answer, other: Answer) -> None:
    tokens = [[step.bytes for step in answer.logprobs] for answer in (one, other)]
    assert tokens[0] == tokens[1]
    assert np.allclose(likeliest(one), likeliest(other), atol=0.02)


ARCHITECTURES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "LlamaForCausalLM": ({}, {}),
    "MistralForCausalLM": ({}, {"head_dim": hf.WIDTH, "sliding_window": 64}),
    "Qwen2ForCausalLM": ({"biases": PROJECTIONS}, {}),
    "Qwen3ForCausalLM": ({"norms": HEAD_NORMS}, {"head_dim": hf.WIDTH}),
    "GemmaForCausalLM": ({}, GEMMA),
    "Gemma2ForCausalLM": ({"norms": GEMMA2_NORMS}, GEMMA),
    "Gemma3ForCausalLM": ({"norms": (*GEMMA2_NORMS, *HEAD_NORMS)}, GEMMA),
    "Phi3ForCausalLM": ({"fused": True}, {}),
}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_architecture_loads_and_answers(
    architecture: str, converted: Converted, answer_of: Callable[..., Answer]
) -> None:
    shape, config = ARCHITECTURES[architecture]
    path = converted(files_of(architecture, hf.decoder_weights(VOCAB, **shape), **config))
    info = ModelInfo.from_header(read_header(path))
    assert (info.block_count, info.context_length, info.quantization) == (2, 256, "F16")
    assert answer_of(path).finished is not None


@pytest.mark.parametrize(
    ("architecture", "fused"), [("Qwen2ForCausalLM", False), ("Phi3ForCausalLM", True)]
)
def test_the_same_weights_say_the_same_as_llama_where_the_networks_are_equal(
    architecture: str, fused: bool, converted: Converted, answer_of: Callable[..., Answer]
) -> None:
    plain = hf.decoder_weights(VOCAB)
    other = hf.decoder_weights(VOCAB, fused=fused)
    if not fused:
        for layer in range(hf.LAYERS):
            for part in PROJECTIONS:
                name = f"model.layers.{layer}.self_attn.{part}"
                other[f"{name}.bias"] = np.zeros(len(plain[f"{name}.weight"]))
    llama = converted(files_of("LlamaForCausalLM", plain), "llama")
    assert_same(answer_of(llama), answer_of(converted(files_of(architecture, other), "other")))


LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


@pytest.mark.parametrize(
    ("architecture", "scaling"),
    [
        ("LlamaForCausalLM", None),
        ("LlamaForCausalLM", LLAMA3),
        ("Qwen3ForCausalLM", None),
        ("GemmaForCausalLM", None),
    ],
)
def test_the_formulas_of_an_architecture_give_the_same_probabilities(
    architecture: str,
    scaling: dict[str, Any] | None,
    converted: Converted,
    answer_of: Callable[..., Answer],
) -> None:
    shape, config = ARCHITECTURES[architecture]
    weights = hf.decoder_weights(VOCAB, **shape)
    path = converted(files_of(architecture, weights, **config, rope_scaling=scaling))
    text = "a prompt that is long enough for low frequencies"
    alphabet = hf.byte_alphabet()
    vocab = hf.byte_pair_tokenizer()["model"]["vocab"]
    tokens = [vocab[alphabet[byte]] for byte in text.encode()]
    expected = forward(weights, tokens, scaling, gemma=architecture.startswith("Gemma"))
    best = np.sort(expected)[::-1][:5]
    assert np.allclose(likeliest(answer_of(path, text))[0], best, atol=0.03)


def forward(
    weights: hf.Weights, tokens: list[int], scaling: Mapping[str, Any] | None, *, gemma: bool
) -> npt.NDArray[np.float64]:
    """Log probabilities of the token after ``tokens``, in the layout of Hugging Face."""
    shift, scale = (1, np.sqrt(hf.HIDDEN)) if gemma else (0, 1)
    hidden = weights["model.embed_tokens.weight"][tokens].astype(np.float64) * scale
    turn = rotation(len(tokens), scaling)
    for layer in range(hf.LAYERS):
        part = {
            name.removeprefix(f"model.layers.{layer}."): values.astype(np.float64)
            for name, values in weights.items()
        }
        hidden = hidden + attention(
            norm(hidden, part["input_layernorm.weight"] + shift), part, turn
        )
        inner = norm(hidden, part["post_attention_layernorm.weight"] + shift)
        gate = inner @ part["mlp.gate_proj.weight"].T
        gate = gelu(gate) if gemma else gate / (1 + np.exp(-gate))
        up = inner @ part["mlp.up_proj.weight"].T
        hidden = hidden + (gate * up) @ part["mlp.down_proj.weight"].T
    last = norm(hidden, weights["model.norm.weight"] + shift)[-1]
    logits = last @ weights["model.embed_tokens.weight"].T.astype(np.float64)
    return np.asarray(logits - np.log(np.exp(logits).sum()))


def gelu(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return 0.5 * values * (1 + np.tanh(np.sqrt(2 / np.pi) * (values + 0.044715 * values**3)))


def norm(values: npt.NDArray[Any], weight: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return values / np.sqrt((values**2).mean(-1, keepdims=True) + 1e-5) * weight


def rotation(count: int, scaling: Mapping[str, Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Cosines and sines by position, for both halves of a head."""
    speeds = 10000.0 ** -(np.arange(0, hf.WIDTH, 2) / hf.WIDTH)
    if scaling:
        waves = 2 * np.pi / speeds
        low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
        smooth = (scaling["original_max_position_embeddings"] / waves - low) / (high - low)
        smooth = np.clip(smooth, 0, 1)
        speeds = speeds * (smooth + (1 - smooth) / scaling["factor"])
    angles = np.outer(np.arange(count), np.concatenate([speeds, speeds]))
    return np.cos(angles), np.sin(angles)


def attention(
    values: npt.NDArray[Any],
    part: hf.Weights,
    turn: tuple[npt.NDArray[Any], npt.NDArray[Any]],
) -> npt.NDArray[Any]:
    def heads(name: str, count: int) -> npt.NDArray[Any]:
        flat = values @ part[f"self_attn.{name}_proj.weight"].T
        apart = flat.reshape(len(values), count, hf.WIDTH).swapaxes(0, 1)
        weight = part.get(f"self_attn.{name}_norm.weight")
        return apart if weight is None else norm(apart, weight)

    def turned(vectors: npt.NDArray[Any]) -> npt.NDArray[Any]:
        half = hf.WIDTH // 2
        swapped = np.concatenate([-vectors[..., half:], vectors[..., :half]], -1)
        return vectors * turn[0] + swapped * turn[1]

    share = hf.HEADS // hf.KV_HEADS
    queries = turned(heads("q", hf.HEADS))
    keys = turned(heads("k", hf.KV_HEADS)).repeat(share, 0)
    scores = queries @ keys.swapaxes(1, 2) / np.sqrt(hf.WIDTH)
    scores = np.where(np.tri(len(values), dtype=bool), scores, -np.inf)
    chances = np.exp(scores - scores.max(-1, keepdims=True))
    chances /= chances.sum(-1, keepdims=True)
    mixed = chances @ heads("v", hf.KV_HEADS).repeat(share, 0)
    return mixed.swapaxes(0, 1).reshape(len(values), -1) @ part["self_attn.o_proj.weight"].T


def test_llama_equals_the_same_weights_written_by_the_gguf_package(
    converted: Converted, answer_of: Callable[..., Answer], tmp_path: Path
) -> None:
    weights = hf.decoder_weights(VOCAB)
    ours = converted(files_of("LlamaForCausalLM", weights))
    theirs = tmp_path / "theirs.gguf"
    write_with_package(theirs, weights)
    assert_same(answer_of(ours), answer_of(theirs))


def write_with_package(path: Path, weights: hf.Weights) -> None:
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(hf.LAYERS)
    writer.add_context_length(256)
    writer.add_embedding_length(hf.HIDDEN)
    writer.add_feed_forward_length(hf.INNER)
    writer.add_head_count(hf.HEADS)
    writer.add_head_count_kv(hf.KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    tokenizer = hf.byte_pair_tokenizer()
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(list(tokenizer["model"]["vocab"]))
    writer.add_token_types([3] * 3 + [1] * (VOCAB - 3))
    writer.add_token_merges(tokenizer["model"]["merges"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, hf.LAYERS)
    for name, values in weights.items():
        heads = {"q_proj": hf.HEADS, "k_proj": hf.KV_HEADS}.get(name.split(".")[-2], 0)
        if heads:
            pairs = values.reshape(heads, 2, len(values) // heads // 2, -1)
            values = pairs.swapaxes(1, 2).reshape(values.shape)
        kind = "<f4" if values.ndim == 1 else "<f2"
        writer.add_tensor(names.get_name(name, (".weight",)), values.astype(kind))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_weights_in_several_files_and_types_make_one_model(
    converted: Converted, answer_of: Callable[..., Answer]
) -> None:
    weights = hf.decoder_weights(VOCAB)
    names = list(weights)
    halves = [{name: weights[name] for name in part} for part in (names[:9], names[9:])]
    files = files_of("LlamaForCausalLM", weights)
    whole = converted(files, "whole")
    del files["model.safetensors"]
    for number, half in enumerate(halves, 1):
        label = f"sub/model-0000{number}-of-00002.safetensors"
        files[label.removeprefix("sub/")] = hf.safetensors(half, ("F16", "BF16")[number - 1])
    parts = converted({f"sub/{name}": content for name, content in files.items()}, "parts")
    assert {tensor.type for tensor in read_header(parts).tensors} == {"F32", "F16", "BF16"}
    assert np.allclose(likeliest(answer_of(whole))[0], likeliest(answer_of(parts))[0], atol=0.1)


def tokens_of(child: RunnerChild, text: str) -> tuple[int, ...]:
    child.send(Tokenize(1, Raw(text)))
    report = child.wait(lambda report: isinstance(report, Tokens | Failed))
    assert isinstance(report, Tokens), report
    return report.tokens


def test_pieces_of_sentencepiece_are_put_together_again(
    converted: Converted, start_runner: Callable[[], RunnerChild]
) -> None:
    pieces = hf.llama_pieces()
    files = files_of("LlamaForCausalLM", hf.decoder_weights(len(pieces)))
    files["tokenizer.model"] = hf.sentencepiece_model(pieces)
    files["tokenizer_config.json"] = {"bos_token": "<s>", "eos_token": "</s>"}
    del files["tokenizer.json"]
    child = start_runner()
    child.load(converted(files), context_length=64)
    ids = {text: number for number, (text, _, _) in enumerate(pieces)}
    expected = [ids["he"], ids["\u2581"], ids["h"], ids["<0x7A>"]]
    assert list(tokens_of(child, "he hz"))[-4:] == expected


def test_a_sentencepiece_vocabulary_told_as_merges_cuts_text_alike(
    converted: Converted, start_runner: Callable[[], RunnerChild]
) -> None:
    pieces = hf.llama_pieces()
    files = files_of("LlamaForCausalLM", hf.decoder_weights(len(pieces)))
    vocab = {text: number for number, (text, _, _) in enumerate(pieces)}
    model = {"type": "BPE", "byte_fallback": True, "unk_token": "<unk>", "vocab": vocab}
    tokenizer = {
        "added_tokens": [{"id": 1, "content": "<s>", "special": True}],
        "normalizer": {"type": "Prepend", "prepend": "\u2581"},
        "model": model | {"merges": [["h", "e"]]},
    }
    child = start_runner()
    child.load(converted(files | {"tokenizer.json": tokenizer}), context_length=64)
    assert [vocab[text] for text in ("\u2581", "he", "h")] == list(tokens_of(child, "heh"))[-3:]


@dataclass
class Vectors:
    """A model for embeddings in a runner."""

    child: RunnerChild

    def of(self, *texts: str) -> npt.NDArray[np.float32]:
        self.child.send(Embed(1, texts))
        report = self.child.wait(lambda report: isinstance(report, Embedded | Failed))
        assert isinstance(report, Embedded), report
        return np.frombuffer(report.vectors, "<f4").reshape(len(texts), report.width)


def test_bert_embeds_with_the_pooling_that_its_folder_names(
    converted: Converted, start_runner: Callable[[], RunnerChild]
) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "he", "##llo", "world"]
    modules = [{"type": "sentence_transformers.models.Pooling", "path": "1_Pooling"}]
    files = {
        "config.json": {
            **hf.CONFIG,
            "architectures": ["BertModel"],
            "hidden_act": "gelu",
            "type_vocab_size": 2,
        },
        "vocab.txt": "\n".join(words),
        "modules.json": modules,
        "1_Pooling/config.json": {"pooling_mode_cls_token": True},
        "model.safetensors": hf.safetensors(hf.bert_weights(len(words))),
    }
    child = start_runner()
    loaded = child.load(converted(files), embedding=True)
    assert loaded.pooling == "cls"
    rows = Vectors(child).of("hello", "HELLO", "world")
    assert rows[0] @ rows[1] > 0.9999
    assert rows[0] @ rows[2] < 0.9999


def test_all_minilm_gives_the_vectors_of_the_known_file(
    minilm: Path,
    minilm_folder: Path,
    tmp_path: Path,
    start_runner: Callable[[], RunnerChild],
) -> None:
    files = {
        path.relative_to(minilm_folder).as_posix(): path
        for path in minilm_folder.rglob("*")
        if path.is_file()
    }
    target = tmp_path / "minilm.gguf"
    convert_model(files, target, lambda part: None)
    texts = ("A cat sits on the mat.", "Über naïve Straßen, 東京!", "x = [1, 2]; # unusual_words")
    rows = []
    for path in (minilm, target):
        child = start_runner()
        child.load(path, embedding=True)
        rows.append(Vectors(child).of(*texts))
    assert ((rows[0] * rows[1]).sum(1) > 0.999).all()


LORA = {"peft_type": "LORA", "lora_alpha": 8, "r": 4, "target_modules": ["q_proj", "v_proj"]}


def lora_weights() -> hf.Weights:
    random = np.random.default_rng(3)
    weights: hf.Weights = {}
    sizes = {"self_attn.q_proj": hf.HEADS * hf.WIDTH, "self_attn.k_proj": hf.KV_HEADS * hf.WIDTH}
    for layer in range(hf.LAYERS):
        for part, rows in {**sizes, "mlp.up_proj": hf.INNER}.items():
            name = f"base_model.model.model.layers.{layer}.{part}"
            weights[f"{name}.lora_A.weight"] = random.standard_normal((4, hf.HIDDEN)) * 0.3
            weights[f"{name}.lora_B.weight"] = random.standard_normal((rows, 4)) * 0.3
    return weights


@pytest.mark.parametrize("stabilised", [False, True])
def test_an_adapter_does_what_its_product_added_to_the_weights_does(
    stabilised: bool, converted: Converted, answer_of: Callable[..., Answer], tmp_path: Path
) -> None:
    weights, lora = hf.decoder_weights(VOCAB), lora_weights()
    base = converted(files_of("LlamaForCausalLM", weights), "base")
    config = LORA | {"use_rslora": stabilised}
    files = {"adapter_config.json": config, "adapter_model.safetensors": hf.safetensors(lora)}
    adapter = tmp_path / "adapter.gguf"
    paths = hf.write_folder(tmp_path / "lora", files)
    convert_adapter(paths, read_header(base), adapter, lambda part: None)
    scale = 8 / (2 if stabilised else 4)
    for name in [name for name in lora if name.endswith(".lora_A.weight")]:
        stem = name.removesuffix(".lora_A.weight")
        product = lora[f"{stem}.lora_B.weight"] @ lora[name]
        target = stem.removeprefix("base_model.model.") + ".weight"
        weights[target] = weights[target] + scale * product
    merged = converted(files_of("LlamaForCausalLM", weights), "merged")
    with_adapter = answer_of(base, "the hedgehog", Adapter(str(adapter)))
    assert np.allclose(likeliest(with_adapter)[0], likeliest(answer_of(merged))[0], atol=0.05)


def test_the_program_tells_how_far_it_is(tmp_path: Path) -> None:
    files = hf.write_folder(tmp_path, files_of("LlamaForCausalLM", hf.decoder_weights(VOCAB)))
    code, lines = program({name: str(path) for name, path in files.items()}, tmp_path / "x")
    assert code == 0
    assert lines[-1] == {"done": True}
    parts = [line["progress"] for line in lines[:-1]]
    assert parts == sorted(parts)
    assert header_of(tmp_path / "x").text("general.architecture") == "llama"


def test_the_program_tells_what_is_wrong(tmp_path: Path) -> None:
    code, lines = program({}, tmp_path / "x")
    text = "open config.json: no such file or directory"
    assert (code, lines) == (1, [{"error": text, "kind": "input"}])
    gone = {"config.json": str(tmp_path / "gone")}
    code, lines = program(gone, tmp_path / "x")
    assert (code, lines[0]["kind"]) == (1, "system")


def header_of(path: Path) -> Header:
    return read_header(path)


def program(files: Mapping[str, str], target: Path) -> tuple[int, list[dict[str, Any]]]:
    done = subprocess.run(
        [sys.executable, "-m", "puna.runner", "convert"],
        input=json.dumps({"files": files, "base": None, "target": str(target)}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]
