"""Safetensors folders over HTTP: converted by a process of its own, then run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from tests.model import hugging_face as hf

from puna.client.client import PunaClient
from puna.client.creation import create_from_modelfile
from puna.modelfile import parse

from .conftest import Client, Reply, Start

pytestmark = pytest.mark.model

VOCAB = 260


def llama_files() -> dict[str, object]:
    return {
        "config.json": {**hf.CONFIG, "architectures": ["LlamaForCausalLM"], "vocab_size": VOCAB},
        "tokenizer.json": hf.byte_pair_tokenizer(),
        "tokenizer_config.json": {"bos_token": "<s>", "eos_token": "</s>"},
        "model.safetensors": hf.safetensors(hf.decoder_weights(VOCAB)),
    }


def statuses(reply: Reply) -> list[dict[str, Any]]:
    return [json.loads(line) for line in reply.body.splitlines()]


def create(call: Client, files: Mapping[str, bytes], **fields: Any) -> Reply:
    digests = {name: call.upload(data) for name, data in files.items()}
    return call("POST", "/api/create", {"model": "new", "files": digests, **fields})


async def test_a_folder_becomes_a_model_that_answers(start: Start, tmp_path: Path) -> None:
    call = start()
    hf.write_folder(tmp_path / "in", llama_files())
    modelfile = parse("FROM ./in\nPARAMETER num_predict 4\n")
    async with PunaClient(f"http://127.0.0.1:{call.port}") as client:
        creating = create_from_modelfile(client, "new", modelfile, tmp_path, quantize="q8_0")
        lines = [line["status"] async for line in creating]
        answer = [part async for part in client.generate({"model": "new", "prompt": "he"})]
        shown = await client.show("new")
    assert lines[lines.index("converting model") :][1] == "verifying conversion"
    assert lines[-1] == "success"
    assert answer[-1]["done_reason"] == "length"
    details = {"format": "gguf", "family": "llama", "quantization_level": "Q8_0"}
    assert details.items() <= shown["details"].items()
    assert shown["capabilities"] == ["completion"]
    assert shown["model_info"]["general.file_type"] == 7


def test_a_file_that_is_none_is_told_after_the_work_began(start: Start) -> None:
    call = start()
    reply = create(call, {"model.safetensors": b"world"})
    error = "open config.json: no such file or directory"
    assert reply.status == 200
    assert statuses(reply) == [{"status": "converting model"}, {"error": error}]
    once = create(call, {"model.safetensors": b"world"}, stream=False)
    assert (once.status, once.json) == (400, {"error": error})


def test_a_model_of_another_architecture_is_refused_by_its_name(start: Start) -> None:
    files = {"config.json": b'{"architectures": ["RwkvForCausalLM"]}', "model.safetensors": b"x"}
    reply = create(start(), files, stream=False)
    assert reply.status == 400
    assert "RwkvForCausalLM" in reply.json["error"]
    assert "convert_hf_to_gguf.py" in reply.json["error"]


GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden"
ELSEWHERE = {"tokenizer.ggml.scores": "llama.cpp has no use for scores of byte pairs"}
"""Recorded keys that ours does not have, and why."""


def recorded(name: str) -> dict[str, Any]:
    path = GOLDEN / "store" / "models.jsonl"
    if not path.exists():
        pytest.skip("the recorded answers are not here")
    records = map(json.loads, path.read_text().splitlines())
    return next(record for record in records if record["id"] == name)


def recorded_llama() -> dict[str, object]:
    """The shape of the Llama that was recorded: one layer, its own output matrix."""
    shapes = {
        "model.embed_tokens": (260, 64),
        "lm_head": (260, 64),
        "model.norm": (64,),
        **{f"model.layers.0.self_attn.{part}_proj": (64, 64) for part in "qkvo"},
        "model.layers.0.mlp.gate_proj": (128, 64),
        "model.layers.0.mlp.up_proj": (128, 64),
        "model.layers.0.mlp.down_proj": (64, 128),
        "model.layers.0.input_layernorm": (64,),
        "model.layers.0.post_attention_layernorm": (64,),
    }
    config = {
        **hf.CONFIG,
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "vocab_size": 260,
    }
    return {
        "config.json": config,
        "tokenizer.json": hf.byte_pair_tokenizer(None),
        "tokenizer_config.json": {"add_bos_token": True, "unk_token": "<unk>"},
        "model.safetensors": hf.safetensors(
            {f"{name}.weight": np.zeros(shape) for name, shape in shapes.items()}
        ),
    }


def recorded_bert() -> dict[str, object]:
    """The shape of the BERT that was recorded."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *map(chr, range(97, 123))]
    words += [f"##{chr(number)}" for number in range(97, 123)]
    config = {
        "architectures": ["BertModel"],
        "hidden_size": 32,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "hidden_act": "gelu",
    }
    shapes = {
        "embeddings.word_embeddings.weight": (57, 32),
        "embeddings.position_embeddings.weight": (64, 32),
        "embeddings.token_type_embeddings.weight": (2, 32),
    }
    layers = {
        **{f"attention.self.{part}": (32, 32) for part in ("query", "key", "value")},
        "attention.output.dense": (32, 32),
        "attention.output.LayerNorm": (32,),
        "intermediate.dense": (64, 32),
        "output.dense": (32, 64),
        "output.LayerNorm": (32,),
    }
    parts = {f"encoder.layer.0.{name}": shape for name, shape in layers.items()}
    for name, shape in {**parts, "embeddings.LayerNorm": (32,)}.items():
        shapes |= {f"{name}.weight": shape, f"{name}.bias": shape[:1]}
    kinds = {"Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    return {
        "config.json": config,
        "tokenizer.json": {
            "added_tokens": [
                {"id": number, "content": text, "special": True}
                for number, text in enumerate(words[:5])
            ],
            "model": {"type": "WordPiece", "vocab": {word: n for n, word in enumerate(words)}},
        },
        "modules.json": [
            {"type": f"sentence_transformers.models.{kind}", "path": path}
            for kind, path in kinds.items()
        ],
        "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
        "model.safetensors": hf.safetensors({name: np.zeros(shapes[name]) for name in shapes}),
    }


@pytest.mark.parametrize(
    ("name", "quantize", "files"),
    [
        ("st-llama", "", recorded_llama()),
        ("st-llama-q8", "q8_0", recorded_llama()),
        ("st-bert", "", recorded_bert()),
    ],
)
def test_models_are_described_as_recorded(
    start: Start, name: str, quantize: str, files: dict[str, object]
) -> None:
    call, expected = start(), recorded(name)
    contents = {label: raw(content) for label, content in files.items()}
    assert create(call, contents, quantize=quantize).status == 200
    shown = call("POST", "/api/show", {"model": "new"}).json
    assert shown["details"] == expected["server"]["show"]["details"]
    assert shown["capabilities"] == expected["server"]["show"]["capabilities"]
    info = expected["server"]["show"]["model_info"]
    differing = {key for key, value in info.items() if shown["model_info"].get(key, "") != value}
    assert differing <= set(ELSEWHERE)


async def test_a_client_that_leaves_ends_the_process(start: Start, tmp_path: Path) -> None:
    call = start()
    weights = hf.decoder_weights(600_000)
    embedding = {"model.embed_tokens.weight": weights.pop("model.embed_tokens.weight")}
    contents = llama_files() | {
        "model-00001-of-00002.safetensors": hf.safetensors(embedding),
        "model-00002-of-00002.safetensors": hf.safetensors(weights),
    }
    del contents["model.safetensors"]
    files = {name: call.upload(raw(content)) for name, content in contents.items()}
    async with PunaClient(f"http://127.0.0.1:{call.port}") as client:
        lines = client.create({"model": "new", "files": files})
        assert (await anext(lines))["status"] == "converting model"
        await until_converters(1)
        await lines.aclose()
        await until_converters(0)
    assert not list((tmp_path / "one" / "models" / "blobs").glob("converted*"))


def raw(content: object) -> bytes:
    return content if isinstance(content, bytes) else json.dumps(content).encode()


async def until_converters(count: int) -> None:
    async with asyncio.timeout(20):
        while len(converters()) != count:  # noqa: ASYNC110 - another process sets no event here
            await asyncio.sleep(0.01)


def converters() -> list[psutil.Process]:
    children = psutil.Process().children(recursive=True)
    return [child for child in children if "convert" in _words(child)]


def _words(child: psutil.Process) -> list[str]:
    try:
        return child.cmdline()
    except psutil.Error:
        return []
