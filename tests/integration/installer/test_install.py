"""The installer, run for real in an empty home: what it writes, and that removing takes it away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INSTALLER = ROOT / "installer" / "install.sh"
ID = "io.github.puna.Puna"
WANTED = ".config/systemd/user/default.target.wants/puna.service"
INDEX = "mimeinfo.cache"
"""The system's own index of desktop entries."""

CACHE = subprocess.run(
    [sys.executable, "-m", "pip", "cache", "dir"], capture_output=True, text=True
).stdout.strip()
"""Wheels that are built already: nobody wants to compile llama.cpp in a test."""


def install(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    cache = {"PIP_CACHE_DIR": CACHE} if CACHE else {}
    environment = os.environ | {"PYTHON": sys.executable} | cache | variables
    return subprocess.run(
        [INSTALLER, *arguments],
        env=environment | {"HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=900,
    )


def files(home: Path) -> set[str]:
    """What lies in a home, the insides of the virtual environment left out."""
    found = set()
    for top in (".local", ".config"):
        for folder, names, entries in os.walk(home / top):
            names[:] = [name for name in names if name != "venv"]
            found |= {str((Path(folder) / name).relative_to(home)) for name in entries}
    return {name for name in found if not name.endswith(INDEX) and name != WANTED}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("user with space")


@pytest.mark.model
def test_it_installs_starts_and_leaves_nothing(home: Path) -> None:
    settings = home / ".config" / "puna" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text("{}")
    done = install(home, "--login", "--service")
    assert done.returncode == 0, done.stdout + done.stderr
    assert files(home) == {
        ".config/puna/settings.json",
        ".local/bin/puna",
        f".local/share/applications/{ID}.desktop",
        f".local/share/icons/hicolor/scalable/apps/{ID}.svg",
        f".config/autostart/{ID}.desktop",
        ".config/systemd/user/puna.service",
    }
    puna = home / ".local" / "bin" / "puna"
    version = subprocess.run([puna, "--version"], capture_output=True, text=True, timeout=60)
    assert version.returncode == 0
    check_entries(home, puna)

    again = install(home, "--remove")
    assert (again.returncode, again.stderr) == (0, "")
    assert files(home) == {".config/puna/settings.json"}
    assert not (home / WANTED).is_symlink()
    assert not (home / ".local" / "share" / "puna").exists()


def check_entries(home: Path, puna: Path) -> None:
    entry = (home / ".local/share/applications" / f"{ID}.desktop").read_text()
    assert f'Exec="{puna}" app %F' in entry
    assert f"TryExec={puna}" in entry
    assert f'Exec="{puna}" app --hidden' in (home / f".config/autostart/{ID}.desktop").read_text()


def test_a_program_of_that_name_is_not_replaced(home: Path) -> None:
    other = home / ".local" / "bin" / "puna"
    other.parent.mkdir(parents=True, exist_ok=True)
    other.write_text("#!/bin/sh\n")
    done = install(home)
    assert done.returncode == 1
    assert f"{other} exists and is not ours" in done.stderr
    install(home, "--remove")
    assert other.read_text() == "#!/bin/sh\n"
    other.unlink()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["--fast"], "unknown argument: --fast"), (["missing.whl"], "no such file: missing.whl")],
)
def test_a_wrong_argument_is_one_line(home: Path, arguments: list[str], told: str) -> None:
    done = install(home, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith(f"install.sh: {told}")
    assert done.stderr.count("\n") == 1


def test_an_unfit_python_is_one_line(home: Path, tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = install(home, PYTHON=str(old))
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "needs Python 3.11" in done.stderr


def test_help_says_what_is_written() -> None:
    done = subprocess.run([INSTALLER, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "~/.local/bin/puna" in done.stdout
