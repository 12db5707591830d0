"""The script that installs system packages, with a package manager that only takes notes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[3] / "scripts" / "system_packages.sh"
LISTS = Path(__file__).resolve().parents[3] / "packaging"
BASH = shutil.which("bash") or "/bin/bash"

Machine = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine on which only the script's own tools and the given packages are installed."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "cat", "dirname"):
        (programs / name).symlink_to(shutil.which(name) or f"/bin/{name}")

    def program(name: str, body: str) -> None:
        (programs / name).write_text(f"#!{BASH}\n{body}\n")
        (programs / name).chmod(0o755)

    def run(
        wanted: str, *, user: int = 0, installed: str = "", known: str = ""
    ) -> subprocess.CompletedProcess[str]:
        program("id", f"echo {user}")
        program("apt-get", f'echo "$@" >> {tmp_path}/notes')
        program("apt-cache", f'[[ " {known} " == *" $2 "* ]] && echo "$2 | 1.0"; true')
        program("dpkg-query", f'[[ " {installed} " == *" $3 "* ]] && echo -n installed')
        (tmp_path / "list").write_text(wanted)
        return subprocess.run(
            [BASH, SCRIPT, tmp_path / "list"],
            env={"PATH": str(programs)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
        )

    return run


def notes(tmp_path: Path) -> str:
    file = tmp_path / "notes"
    return file.read_text() if file.exists() else ""


def test_nothing_is_done_where_all_is_installed(machine: Machine, tmp_path: Path) -> None:
    done = machine("one\ntwo\n", installed="one two")
    assert (done.returncode, done.stdout, done.stderr, notes(tmp_path)) == (0, "", "", "")


def test_root_gets_what_is_missing(machine: Machine, tmp_path: Path) -> None:
    done = machine("one\ntwo\nthree\n", installed="two", known="one three")
    assert (done.returncode, done.stderr) == (0, "")
    assert notes(tmp_path).splitlines()[-1].endswith("--no-install-recommends one three")


def test_either_of_two_names_will_do(machine: Machine, tmp_path: Path) -> None:
    assert machine("old|new\n", installed="new").returncode == 0
    assert notes(tmp_path) == ""
    machine("old|new\n", known="new")
    assert notes(tmp_path).splitlines()[-1].endswith(" new")


def test_without_root_the_missing_packages_are_named_in_one_line(
    machine: Machine, tmp_path: Path
) -> None:
    done = machine("one\nold|new\nthree\n", user=1000, installed="three")
    assert done.returncode == 1
    assert done.stderr == "Missing system packages; ask root for: apt-get install one old\n"
    assert notes(tmp_path) == ""


@pytest.mark.parametrize("name", ["build", "qt", "test"])
def test_the_lists_are_sorted_and_name_each_package_once(name: str) -> None:
    lines = (LISTS / f"debian-packages-{name}.txt").read_text().splitlines()
    assert lines == sorted(set(lines))
