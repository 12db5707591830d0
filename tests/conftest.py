"""What all tests share: an empty home, the model files, Puna as a program of its own."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import IO

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / ".cache" / "models"
GOLDEN = ROOT.parent / "shared" / "golden" / "http"

# Examples of a property in every run, and for a long search (--hypothesis-profile=thorough);
# a busy machine is no fault.
settings.register_profile(
    "brief", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", settings.get_profile("brief"), max_examples=1000)
settings.load_profile("brief")


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Paths of homes, each once."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(scope="session")
def plain_environment() -> Mapping[str, str]:
    """The variables of this process without the user's settings."""
    return {name: value for name, value in os.environ.items() if not _is_setting(name)}


def _is_setting(name: str) -> bool:
    return name.startswith(("OLLAMA_", "PUNA_")) or name.endswith(("_PROXY", "_proxy", "_HOME"))


@pytest.fixture(autouse=True)
def empty_home(homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of its own for each test, made by whoever needs it, and none of the user's settings."""
    home = next(homes)
    for name in filter(_is_setting, list(os.environ)):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(home))
    return home


def _model(name: str) -> Path:
    path = MODELS / name
    if not path.exists():
        pytest.skip(f"{name} is not in .cache/models: run scripts/test_models.py")
    return path


@pytest.fixture(scope="session")
def smollm2() -> Path:
    """SmolLM2-135M-Instruct, Q4_1."""
    return _model("SmolLM2-135M-Instruct.Q4_1.gguf")


@pytest.fixture(scope="session")
def gemma3() -> Path:
    """Gemma 3 270M base, Q4_K_M: sliding-window layers, a large vocabulary."""
    return _model("gemma-3-270m-q4_k_m.gguf")


@pytest.fixture(scope="session")
def minilm() -> Path:
    """all-MiniLM-L6-v2, F16: an embedding model."""
    return _model("all-minilm.gguf")


@pytest.fixture(scope="session")
def minilm_folder() -> Path:
    """all-MiniLM-L6-v2 as it was published, a folder of safetensors and JSON files."""
    return _model("all-minilm")


@pytest.fixture(scope="session")
def tiny_gguf() -> ModuleType:
    """The maker of tiny scripted models that came with the recorded answers."""
    path = GOLDEN / "tiny_gguf.py"
    if not path.exists():
        pytest.skip("the recorded answers are not here")
    spec = importlib.util.spec_from_file_location("tiny_gguf", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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


@contextmanager
def _running(*arguments: str, **variables: str) -> Iterator[Program]:
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


@pytest.fixture(scope="session")
def running_puna() -> Callable[..., AbstractContextManager[Program]]:
    """``puna`` on a free port, with arguments and variables, for as long as the context lasts."""
    return _running


@pytest.fixture
def start_puna() -> Iterator[Callable[..., Program]]:
    """Starts ``puna`` on a free port, with arguments and variables; ends it after the test."""
    with ExitStack() as stack:
        yield lambda *arguments, **variables: stack.enter_context(_running(*arguments, **variables))
