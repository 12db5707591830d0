"""Recorded manifests and configs of Ollama against ours for the same input.

Weights are small stand-ins of the same kind, so their digests and sizes are
taken out of the comparison; so is the order of the licences' lines.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from puna.modelfile import parse, to_parameters
from puna.modelfile.parameters import required_version
from puna.names import ModelName
from puna.store import manifests
from puna.store.manifests import Manifest

# Converted from safetensors, rewritten by quantizing, real files that are not
# here, two adapters or models in one, projectors alone: other tests or refused.
SKIPPED = (
    "st-",
    "smol-",
    "quantize-",
    "embedding",
    "gemma-",
    "autodetect",
    "split-",
    "two-ggufs",
    "adapter-two",
    "projector-only",
    "copy",
)
WEIGHTS = {manifests.MODEL, manifests.PROJECTOR, manifests.ADAPTER, manifests.DRAFT}
CONTEXT = {"general.architecture": "llama", "llama.block_count": 2, "general.file_type": 0}


def _records(golden: Path) -> list[dict[str, Any]]:
    text = (golden / "store" / "models.jsonl").read_bytes().replace(b"<PORT>", b"11434")
    records = [
        json.loads(line) for line in text.replace(b"<FRONT_PORT>", b"5443").split(b"\n") if line
    ]
    return [
        record
        for record in records
        if record.get("manifest") and not record["id"].startswith(SKIPPED)
    ]


def _files(world: Any) -> dict[str, str]:
    lora = {"general.architecture": "llama", "general.type": "adapter"}
    clip = {"general.architecture": "clip", "clip.has_vision_encoder": True}
    tensors = [("token_embd.weight", (32, 3770))]
    contents = {
        "tiny.gguf": world.gguf(tensors, bare=CONTEXT),
        "tiny2.gguf": world.gguf(tensors, bare=CONTEXT, fill=1.0),
        "lora-tiny.gguf": world.gguf(bare=lora),
        "lora-tiny2.gguf": world.gguf(bare=lora, fill=1.0),
        "mmproj.gguf": world.gguf(bare={**clip, "clip.projector_type": "mlp"}),
        "mmproj-notype.gguf": world.gguf(bare=clip),
    }
    return {name: world.blob(data) for name, data in contents.items()}


def _fields(record: dict[str, Any], files: dict[str, str]) -> dict[str, Any]:
    """The fields of the request that a Modelfile, or a recorded request, stands for."""
    if "request" in record:
        request = dict(record["request"])
        licenses = request.pop("license", ())
        request["licenses"] = (licenses,) if isinstance(licenses, str) else tuple(licenses)
        request["from_"] = request.pop("from", "")
        return {key: value for key, value in request.items() if key != "model"}
    commands = parse(record["modelfile"]).commands
    values: dict[str, list[str]] = {}
    for command in commands:
        values.setdefault(command.name, []).append(command.args)
    sources = values.get("model", [])
    paths = [source.rpartition("/")[2] for source in sources if source.startswith("<WORK>")]
    models = [source for source in sources if not source.startswith("<WORK>")]
    pick = lambda key: {  # noqa: E731 - one line, used twice
        path.rpartition("/")[2]: files[path.rpartition("/")[2]] for path in values.get(key, [])
    }
    fields: dict[str, Any] = {
        "from_": models[0] if models else "",
        "files": {path: files[path] for path in paths} or None,
        "adapters": pick("adapter") or None,
        "draft_files": pick("draft") or None,
        "licenses": tuple(values.get("license", ())),
        "parameters": to_parameters(commands),
        "messages": tuple(
            dict(zip(("role", "content"), text.split(": ", 1), strict=True))
            for text in values.get("message", ())
        ),
    }
    for key in ("template", "system", "renderer", "parser"):
        fields[key] = values.get(key, [""])[-1]
    fields["requires"] = required_version(values["requires"][-1]) if "requires" in values else ""
    return fields


def _comparable(manifest: Manifest) -> list[tuple[str, str, str]]:
    return [
        (layer.media_type, layer.from_, "" if layer.media_type in WEIGHTS else str(layer.digest))
        for layer in manifest.layers
    ]


async def test_models_are_made_as_recorded(world: Any, golden: Path) -> None:
    files = _files(world)
    different = []
    records = _records(golden)
    for record in records:
        await world.create(record["name"], **_fields(record, files))
        model = world.store.library.get(ModelName.checked(record["name"]))
        wanted = Manifest.parse(record["manifest"].encode())
        config = model.config.encode().decode()
        if _comparable(model.manifest) != _comparable(wanted):
            different.append((record["id"], _comparable(model.manifest), _comparable(wanted)))
        if config != record["config"]:
            different.append((record["id"], config, record["config"]))
    assert len(records) > 25
    assert different == []


@pytest.mark.parametrize(
    "case", ["api-info", "api-license-list", "api-license-string", "api-remote"]
)
async def test_recorded_requests_have_the_recorded_lines(
    world: Any, golden: Path, case: str
) -> None:
    records = {record["id"]: record for record in _records(golden)}
    files = _files(world)
    await world.create("a/gguf", files={"tiny.gguf": files["tiny.gguf"]})
    lines = await world.create(records[case]["name"], **_fields(records[case], files))
    wanted = [line["status"] for line in records[case]["stream"]]
    assert [line.partition(" layer ")[1:2] for line in lines] == [
        line.partition(" layer ")[1:2] for line in wanted
    ]
    assert lines[-2:] == wanted[-2:]
