"""Compute backends that are libraries of their own."""

from __future__ import annotations

import ctypes
import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import puna
from puna.runner import backends, hardware


class Registry:
    """ggml's registry of a build that has ``count`` backends before any is loaded."""

    def __init__(self, count: int) -> None:
        self.folders: list[bytes] = []

        class Function:
            argtypes: Any = None
            restype: Any = ctypes.c_int

            def __init__(self, call: Any) -> None:
                self._call = call

            def __call__(self, *args: Any) -> Any:
                return self._call(*args)

        self.ggml_backend_reg_count = Function(lambda: count)
        self.ggml_backend_load_all_from_path = Function(self.folders.append)


@pytest.mark.parametrize(
    ("count", "folders"),
    [(0, [os.fsencode(backends.FOLDER)]), (1, [])],
    ids=["separate", "built in"],
)
def test_backends_are_loaded_from_the_bindings_folder_where_none_is_built_in(
    monkeypatch: pytest.MonkeyPatch, count: int, folders: list[bytes]
) -> None:
    registry = Registry(count)
    monkeypatch.setattr(backends, "load_shared_library", lambda *_: registry)
    backends.load()
    assert registry.folders == folders


def test_the_installed_build_has_a_cpu_once_its_backends_are_loaded() -> None:
    backends.load()
    assert "cpu" in {device.kind for device in hardware.devices()}


@pytest.mark.skipif(sys.platform != "linux", reason="reads the maps that Linux tells of")
def test_no_library_is_there_twice() -> None:
    code = """
from pathlib import Path
from puna.runner import backends, cache_memory, hardware, llama
backends.load()
hardware.devices()
cache_memory.CacheMemory()
for line in Path("/proc/self/maps").read_text().splitlines():
    print(Path(line.split()[-1]).name.partition(".")[0], line.split()[-1])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    found = {tuple(line.split()) for line in done.stdout.splitlines() if "/libggml" in line}
    names = [name for name, _ in found]
    assert "libggml-base" in names
    assert len(names) == len(set(names))


def test_the_version_is_that_of_the_installed_binding() -> None:
    assert backends.version() == importlib.metadata.version("llama_cpp_python")


def test_a_binding_that_came_with_the_program_has_its_version(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(backends, "_PACKAGE", tmp_path / "llama_cpp")
    assert backends.version() == f"of Puna {puna.__version__}"


def test_a_runner_loads_the_binding_without_its_package() -> None:
    code = """
import sys
from puna.runner.main import _skip_package
_skip_package("llama_cpp")
import puna.runner.service
print("llama_cpp.llama_cpp" in sys.modules, "llama_cpp.llama" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["True", "False"]
