"""Adapters and draft models over HTTP: created, shared, and told of when they are of no use."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.model import lora

from .conftest import Client, Start

pytestmark = pytest.mark.model


@pytest.fixture
def call(start: Start, tiny_gguf: ModuleType) -> Client:
    """A client of a server that has the scripted model ``tiny``."""
    client = start()
    create(client, "tiny", files={"tiny.gguf": client.upload(tiny_gguf.build())})
    return client


def create(call: Client, model: str, **fields: Any) -> None:
    reply = call("POST", "/api/create", {"model": model, "stream": False, **fields})
    assert reply.json == {"status": "success"}


def create_adapted(call: Client, model: str, path: Path) -> None:
    adapters = {"a.gguf": call.upload(path.read_bytes())}
    create(call, model, **{"from": "tiny", "adapters": adapters})


def say(call: Client, model: str, prompt: str = "<|text|>") -> Any:
    body = {"model": model, "prompt": prompt, "raw": True, "stream": False}
    return call("POST", "/api/generate", body)


def test_models_that_differ_in_adapters_are_one_entry_of_ps(
    call: Client, tiny_gguf: ModuleType, tmp_path: Path
) -> None:
    create_adapted(call, "counting", lora.redirect(tiny_gguf, tmp_path / "a", "<|text|>", "one"))
    create_adapted(call, "waving", lora.redirect(tiny_gguf, tmp_path / "b", "<|text|>", " friend"))
    said = [say(call, model).json["response"] for model in ("tiny", "counting", "waving", "tiny")]
    plain = "Hello there friend."
    assert said == [plain, "one two three four five", " friend.", plain]
    (running,) = call("GET", "/api/ps").json["models"]
    assert running["name"] == "tiny:latest"


def test_an_adapter_that_does_not_fit_fails_the_load_of_its_model_only(
    call: Client, tmp_path: Path
) -> None:
    create_adapted(call, "bad", lora.misfit(tmp_path / "a"))
    for prompt in ("", "<|text|>"):
        reply = say(call, "bad", prompt)
        assert reply.status == 500
        assert "incorrect shape" in reply.json["error"]
        assert str(tmp_path) not in reply.json["error"]
    assert say(call, "tiny").json["response"] == "Hello there friend."


def test_a_draft_of_another_vocabulary_is_told_with_the_answer(call: Client, smollm2: Path) -> None:
    draft = call.upload(smollm2.read_bytes())
    create(call, "drafted", **{"from": "tiny", "draft_files": {"d.gguf": draft}})
    reply = say(call, "drafted")
    assert reply.json["response"] == "Hello there friend."
    warning = "the draft model is not used: its vocabulary is not that of the model"
    assert reply.headers["puna-warning"] == warning
