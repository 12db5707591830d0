"""Puna as a program of its own, on a free port."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

import pytest

ROOT = Path(__file__).resolve().parents[3]


class Program:
    """A running ``puna`` and the lines it has printed so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []

    def read_until(self, pattern: str) -> re.Match[str]:
        """Read lines up to the one that holds ``pattern``."""
        for line in self._out:
            self.lines.append(line.rstrip("\n"))
            if found := re.search(pattern, line):
                return found
        raise AssertionError(f"ended without {pattern!r}: {self.lines}")

    @property
    def _out(self) -> IO[str]:
        assert self.process.stdout is not None
        return self.process.stdout

    def stop(self) -> int:
        """End it as a service manager would; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        self.process.communicate(timeout=30)
        return self.process.returncode


Start = Callable[..., Program]


@contextmanager
def running(*arguments: str, **variables: str) -> Iterator[Program]:
    process = subprocess.Popen(
        [sys.executable, "-m", "puna", *arguments],
        env=os.environ | {"OLLAMA_HOST": "127.0.0.1:0"} | variables,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Program(process)
    finally:
        process.kill()
        process.communicate()


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts ``puna`` with arguments and variables; ends it after the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **variables: stack.enter_context(running(*arguments, **variables))


@pytest.fixture
def no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without windows."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"):
        monkeypatch.delenv(name, raising=False)


Imports = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def import_starter(smollm2: Path) -> Imports:
    """Runs the import of the starter model, whose file is there."""
    assert smollm2.exists()

    def run(**variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, ROOT / "scripts" / "starter_model.py"],
            env=os.environ | variables,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run
