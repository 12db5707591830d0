"""The starter model: imported once, into the folder in force, by whoever holds it."""

from __future__ import annotations

import hashlib
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from puna.names import ModelName
from puna.store.installed import InstalledModel
from puna.store.store import Store

Imports = Callable[..., subprocess.CompletedProcess[str]]
MANIFEST = Path("manifests/registry.ollama.ai/library/smollm2/135m")

pytestmark = pytest.mark.model


def starter(folder: Path) -> InstalledModel:
    return Store(folder).library.get(ModelName.checked("smollm2:135m"))


def test_the_model_comes_with_its_licence_template_and_parameters(
    tmp_path: Path, import_starter: Imports
) -> None:
    done = import_starter(OLLAMA_MODELS=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    model = starter(tmp_path)
    assert "Apache License" in "".join(model.licenses)
    assert "SmolLM" in model.system
    assert model.parameters["stop"] == ["<|im_start|>", "<|im_end|>"]
    assert model.parameters["temperature"] == 0.2
    assert "<|im_start|>assistant" in model.template


def test_the_weights_are_those_of_the_package(
    tmp_path: Path, smollm2: Path, import_starter: Imports
) -> None:
    import_starter(OLLAMA_MODELS=str(tmp_path))
    expected = hashlib.sha256(smollm2.read_bytes()).hexdigest()
    (weights,) = starter(tmp_path).model_paths
    assert weights.name == f"sha256-{expected}"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == expected


def test_a_second_import_says_nothing_and_changes_nothing(
    empty_home: Path, import_starter: Imports
) -> None:
    import_starter()
    manifest = empty_home / ".ollama" / "models" / MANIFEST
    before = manifest.stat().st_mtime_ns
    done = import_starter()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert manifest.stat().st_mtime_ns == before


def test_a_running_server_adds_the_model(
    tmp_path: Path, start_puna: Callable[..., Any], import_starter: Imports
) -> None:
    server = start_puna("serve", OLLAMA_MODELS=str(tmp_path))
    address = server.read_until(r"listening on http://(\S+)")[1]
    done = import_starter(OLLAMA_MODELS=str(tmp_path), OLLAMA_HOST=address)
    assert (done.returncode, done.stderr) == (0, "")
    assert starter(tmp_path).size > 90_000_000
    assert server.stop() == 0


def test_a_folder_of_another_puna_that_does_not_answer_is_one_line(
    tmp_path: Path, import_starter: Imports
) -> None:
    holder = Store(tmp_path)
    holder.open()
    done = import_starter(OLLAMA_MODELS=str(tmp_path), OLLAMA_HOST="127.0.0.1:1")
    holder.close()
    assert done.returncode == 0
    assert re.fullmatch(r"The starter model smollm2:135m was not added: .+\n", done.stderr)


def test_a_folder_that_cannot_be_written_is_one_line(
    tmp_path: Path, import_starter: Imports
) -> None:
    # No user, not even root, can make a folder there.
    done = import_starter(OLLAMA_MODELS="/sys/models", PUNA_HOME=str(tmp_path))
    assert done.returncode == 0
    assert re.fullmatch(r"The starter model smollm2:135m was not added: .+\n", done.stderr)
