"""Commands that start the server themselves; a real server without models."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import psutil

_PATIENCE_S = 60


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _puna(tmp_path: Path, *args: str, **environ: str) -> subprocess.CompletedProcess[str]:
    settings = {"PUNA_HOME": str(tmp_path / "home"), "OLLAMA_MODELS": str(tmp_path / "models")}
    return subprocess.run(
        [sys.executable, "-m", "puna", *args],
        env=os.environ | settings | environ,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )


def _end(pid: int) -> None:
    """End a process that is not our child, if it is still there."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        process.terminate()
        process.wait(_PATIENCE_S)


def test_a_command_starts_a_server_that_stays(tmp_path: Path) -> None:
    address = f"127.0.0.1:{_free_port()}"
    first = _puna(tmp_path, "list", OLLAMA_HOST=address)
    started = re.fullmatch(
        r"started puna server in the background, process (\d+), log (.*)\n", first.stderr
    )
    assert started is not None, first.stderr
    try:
        assert (first.returncode, first.stdout) == (0, "NAME    ID    SIZE    MODIFIED \n")
        assert Path(started[2]).exists()
        second = _puna(tmp_path, "ps", OLLAMA_HOST=address)
        assert (second.returncode, second.stderr) == (0, "")
    finally:
        _end(int(started[1]))


def test_a_server_elsewhere_is_not_started(tmp_path: Path) -> None:
    host = f"https://127.0.0.1:{_free_port()}"
    seen = _puna(tmp_path, "list", OLLAMA_HOST=host)
    assert seen.returncode == 1
    assert seen.stderr == (
        "Error: could not connect to puna server, run 'puna serve' to start it\n"
    )


def test_a_server_that_ends_at_once_is_told_with_its_reason(tmp_path: Path) -> None:
    blocker = tmp_path / "models"
    blocker.write_text("a file where the folder should be")
    seen = _puna(tmp_path, "list", OLLAMA_HOST=f"127.0.0.1:{_free_port()}")
    started = re.search(r"process (\d+)", seen.stderr)
    assert started is not None
    try:
        assert seen.returncode == 1
        assert "Error: " in seen.stderr
    finally:
        _end(int(started[1]))
