"""Safetensors folders over HTTP: converted by a process of its own, then run."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

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


def upload(call: Client, data: bytes) -> str:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert call("POST", f"/api/blobs/{digest}", data).status in (200, 201)
    return digest


def create(call: Client, files: Mapping[str, bytes], **fields: Any) -> Reply:
    digests = {name: upload(call, data) for name, data in files.items()}
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


async def test_a_client_that_leaves_ends_the_process(start: Start, tmp_path: Path) -> None:
    call = start()
    weights = hf.decoder_weights(600_000)
    embedding = {"model.embed_tokens.weight": weights.pop("model.embed_tokens.weight")}
    contents = llama_files() | {
        "model-00001-of-00002.safetensors": hf.safetensors(embedding),
        "model-00002-of-00002.safetensors": hf.safetensors(weights),
    }
    del contents["model.safetensors"]
    files = {name: upload(call, raw(content)) for name, content in contents.items()}
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
