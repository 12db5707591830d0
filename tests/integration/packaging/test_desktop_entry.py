"""The desktop entry, its icons and the name that ties both to the window."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ID = "io.github.puna.Puna"
ENTRY = ROOT / "packaging" / f"{ID}.desktop"


def entry() -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(ENTRY, "utf-8")
    return parser["Desktop Entry"]


def test_the_desktop_entry_is_valid() -> None:
    if not shutil.which("desktop-file-validate"):
        pytest.skip("desktop-file-validate is not installed")
    done = subprocess.run(["desktop-file-validate", ENTRY], capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_window_belongs_to_the_entry() -> None:
    assert entry()["Icon"] == ID
    assert f'"{ID}"' in (ROOT / "app" / "puna" / "desktop" / "main.py").read_text()


def test_the_entry_speaks_the_languages_of_the_program() -> None:
    assert {"Name", "GenericName[zh_CN]", "Comment[zh_CN]"} <= set(entry())


def test_the_icon_is_there_as_drawing_and_as_pictures() -> None:
    icons = ROOT / "resources" / "icons"
    assert "<svg" in (icons / "puna.svg").read_text()
    for size in (16, 32, 48, 128, 256):
        data = (icons / "app" / f"puna-{size}.png").read_bytes()
        assert data[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(data[16:20]) == int.from_bytes(data[20:24]) == size
