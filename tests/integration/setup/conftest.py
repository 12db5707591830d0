"""A machine without windows, and the import of the starter model."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


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
