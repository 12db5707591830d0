"""``puna serve`` as a process."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from puna.cli.main import serve_command

pytestmark = pytest.mark.skipif(os.name == "nt", reason="POSIX signals")


@contextmanager
def serving(folder: Path, **settings: str) -> Iterator[subprocess.Popen[str]]:
    environment = {
        **os.environ,
        "OLLAMA_HOST": "127.0.0.1:0",
        "OLLAMA_MODELS": str(folder / "models"),
        "PUNA_HOME": str(folder / "home"),
        **settings,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "puna", "serve"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    return found.group()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_well(tmp_path: Path, number: signal.Signals) -> None:
    with serving(tmp_path) as process:
        with urllib.request.urlopen(address(process) + "/api/tags", timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(number)
        assert process.wait(20) == 0


def test_a_signal_during_the_start_ends_it_too(tmp_path: Path) -> None:
    with serving(tmp_path) as process:
        address(process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM)


def test_a_taken_port_is_told_without_a_traceback(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with serving(tmp_path, OLLAMA_HOST=f"127.0.0.1:{port}") as process:
            _, told = process.communicate(timeout=20)
    assert process.returncode == 1
    assert f"127.0.0.1:{port}" in told
    assert "Traceback" not in told
    known = {name for option in serve_command.params for name in option.opts}
    assert set(re.findall("--[a-z]+", told)) == {"--host"} <= known


def test_a_second_server_on_the_same_models_ends(tmp_path: Path) -> None:
    with serving(tmp_path) as first:
        with urllib.request.urlopen(address(first) + "/api/tags", timeout=30):
            pass
        with serving(tmp_path, PUNA_HOME=str(tmp_path / "other")) as second:
            _, told = second.communicate(timeout=30)
    assert second.returncode == 1
    assert "in use" in told
    assert "Traceback" not in told


def test_a_key_is_required_beyond_this_machine_when_asked_for(tmp_path: Path) -> None:
    with serving(tmp_path, OLLAMA_HOST="0.0.0.0:0", PUNA_REQUIRE_KEY="1") as process:
        _, told = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "PUNA_API_KEY" in told


def test_a_service_manager_is_told_when_it_is_up(tmp_path: Path) -> None:
    where = tmp_path / "notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(where))
        manager.settimeout(20)
        with serving(tmp_path, NOTIFY_SOCKET=str(where)) as process:
            assert manager.recv(100) == b"READY=1"
            process.send_signal(signal.SIGTERM)
            assert manager.recv(100) == b"STOPPING=1"
            process.wait(20)
