"""``puna app`` on a machine without a display."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("no_display")


def shell(command: str) -> Any:
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True
    )
    return json.loads(done.stdout)


def shorten(address: str) -> None:
    """Make the starter model answer in a few words, so that the test is quick."""
    parameters = {"num_predict": 8}
    body = {"model": "smollm2:135m", "from": "smollm2:135m", "parameters": parameters}
    request = urllib.request.Request(
        f"http://{address}/api/create", json.dumps(body | {"stream": False}).encode()
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["status"] == "success"


def test_it_serves_in_the_foreground_and_says_so_in_one_line(
    start_puna: Callable[..., Any],
) -> None:
    puna = start_puna("app")
    command = puna.read_until(r"^  (curl .*)")[1]
    assert len(puna.lines) == 2
    assert puna.lines[0].startswith("No display: Puna serves on http://127.0.0.1:")
    assert shell(command) == {"models": []}
    assert puna.stop() == 0


@pytest.mark.model
def test_the_printed_command_gets_an_answer(start_puna: Callable[..., Any], starter: Path) -> None:
    puna = start_puna("app", OLLAMA_MODELS=str(starter))
    command = puna.read_until(r"^  (curl .*)")[1]
    shorten(command.split("/")[2])
    answer = shell(command)
    assert answer["model"] == "smollm2:135m"
    assert answer["response"]
    puna.stop()


def test_it_imports_no_qt(start_puna: Callable[..., Any], tmp_path: Path) -> None:
    broken = tmp_path / "PySide6"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise ImportError('no Qt here')")
    puna = start_puna("app", PYTHONPATH=str(tmp_path))
    assert puna.read_until("No display")
    puna.stop()


@pytest.fixture
def starter(tmp_path: Path, import_starter: Callable[..., Any]) -> Path:
    import_starter(OLLAMA_MODELS=str(tmp_path))
    return tmp_path
