"""``puna app`` on a machine without a display."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


@pytest.fixture
def broken_qt(tmp_path: Path) -> str:
    """A folder to import from whose Qt lacks a library."""
    package = tmp_path / "PySide6"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('libEGL.so.1 is missing')")
    return str(tmp_path)


def test_it_imports_no_qt(start_puna: Callable[..., Any], broken_qt: str) -> None:
    puna = start_puna("app", PYTHONPATH=broken_qt)
    assert puna.read_until("No display")
    puna.stop()


def test_a_display_without_qt_is_one_line(broken_qt: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "puna", "app"],
        env=os.environ | {"DISPLAY": ":99", "PYTHONPATH": broken_qt},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "libEGL.so.1 is missing" in done.stderr


@pytest.fixture
def starter(tmp_path: Path, import_starter: Callable[..., Any]) -> Path:
    import_starter(OLLAMA_MODELS=str(tmp_path))
    return tmp_path
