from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from puna.errors import StoreDamaged
from puna.store import manifests
from puna.store.digest import Digest
from puna.store.manifests import (
    Manifest,
    ModelConfig,
    decode_messages,
    decode_params,
    encode_messages,
    encode_params,
)


@pytest.fixture(scope="session")
def records(golden: Path) -> list[dict[str, Any]]:
    text = (golden / "store" / "models.jsonl").read_bytes()
    lines = text.replace(b"<PORT>", b"11434").split(b"\n")
    found = [json.loads(line) for line in lines if line]
    return [record for record in found if record.get("manifest")]


def test_recorded_manifests_are_written_byte_for_byte(records: list[dict[str, Any]]) -> None:
    different = []
    for record in records:
        read = Manifest.parse(record["manifest"].encode())
        if Manifest.build(read.config, read.layers).raw.decode() != record["manifest"]:
            different.append(record["id"])
    assert len(records) > 40
    assert different == []


def test_recorded_manifests_have_the_recorded_digest(records: list[dict[str, Any]]) -> None:
    for record in records:
        if "<" not in record["manifest"]:
            digest = Manifest.parse(record["manifest"].encode()).digest.hex
            assert digest == record["manifest_sha256"], record["id"]


def test_recorded_configs_are_written_byte_for_byte(records: list[dict[str, Any]]) -> None:
    different = [
        record["id"]
        for record in records
        if ModelConfig.parse(record["config"].encode()).encode().decode() != record["config"]
    ]
    assert different == []


def test_recorded_text_layers_are_written_byte_for_byte(records: list[dict[str, Any]]) -> None:
    different = []
    for record in records:
        for layer in record["layers"]:
            text = record["text_layers"].get(layer["digest"], "").encode()
            written = text
            if layer["mediaType"] == manifests.PARAMS:
                written = encode_params(decode_params(text))
            if layer["mediaType"] == manifests.MESSAGES:
                written = encode_messages(decode_messages(text))
            if written != text:
                different.append((record["id"], text, written))
    assert different == []


CONFIG = {"mediaType": "c", "digest": "sha256:" + "0" * 64, "size": 3}


def test_what_follows_the_object_is_ignored() -> None:
    raw = json.dumps({"config": CONFIG, "layers": None}).encode() + b"\ntrailing"
    assert Manifest.parse(raw).layers == ()
    assert Manifest.parse(raw).raw == raw


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"nope",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b'{"config":{}}',
        b'{"config":{"digest":"sha256:zz","size":1}}',
        json.dumps({"config": {**CONFIG, "size": -1}}).encode(),
        json.dumps({"config": {**CONFIG, "size": "3"}}).encode(),
        json.dumps({"config": CONFIG, "layers": 5}).encode(),
        json.dumps({"config": CONFIG, "layers": [5]}).encode(),
        b'{"a":' * 100_000,
    ],
)
def test_a_broken_manifest_is_damage(raw: bytes) -> None:
    with pytest.raises(StoreDamaged):
        Manifest.parse(raw)


def test_an_empty_object_names_no_blob() -> None:
    assert Manifest.references(b"{}") == set()


def test_references_are_known_without_a_config() -> None:
    raw = json.dumps({"layers": [CONFIG]}).encode()
    assert Manifest.references(raw) == {Digest("0" * 64)}


def test_unknown_config_fields_are_kept() -> None:
    config = ModelConfig.parse(b'{"model_format":"gguf","rootfs":{"type":"layers"},"os":"linux"}')
    assert json.loads(config.encode())["rootfs"] == {"type": "layers"}


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b'{"model_format":1}', b'{"model_families":[1]}', b'{"context_length":true}'],
)
def test_a_config_of_the_wrong_type_is_damage(raw: bytes) -> None:
    with pytest.raises(StoreDamaged):
        ModelConfig.parse(raw)


def test_null_config_fields_count_as_missing() -> None:
    assert ModelConfig.parse(b'{"model_families":null,"draft":null}') == ModelConfig()
