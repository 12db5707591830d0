"""Compute backends that are libraries of their own."""

from __future__ import annotations

import ctypes
import os
from typing import Any

import pytest

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
