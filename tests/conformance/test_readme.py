"""README.md: its examples run as printed, its tables and the tests it names are current."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")
EXAMPLES = re.findall(r"<!-- run -->\n```shell\n(.*?)```", TEXT, re.DOTALL)
PROGRAMS = re.findall(r"<!-- run-python -->\n```python\n(.*?)```", TEXT, re.DOTALL)
SHORT = "FROM smollm2:135m\nPARAMETER num_predict 8\n"

pytestmark = pytest.mark.conformance


@pytest.fixture(scope="module")
def address(
    running_puna: Callable[..., AbstractContextManager[Any]],
    smollm2: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Of a server with a starter model that answers briefly; ``puna`` is on the PATH."""
    assert smollm2.exists()
    folder = tmp_path_factory.mktemp("readme")
    puna = folder / "bin" / "puna"
    puna.parent.mkdir()
    puna.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m puna "$@"\n')
    puna.chmod(0o755)
    (folder / "brief").write_text(SHORT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder))
        patch.setenv("PATH", f"{puna.parent}{os.pathsep}{os.environ['PATH']}")
        subprocess.run([sys.executable, ROOT / "scripts" / "starter_model.py"], check=True)
        with running_puna("serve") as program:
            found = str(program.read_until(r"listening on http://(\S+)")[1])
            patch.setenv("OLLAMA_HOST", found)
            shell("puna create smollm2:135m -f brief", folder)
            yield found


@pytest.fixture
def server(address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address, which is also in the environment."""
    monkeypatch.setenv("OLLAMA_HOST", address)
    return address


def shell(script: str, folder: Path) -> str:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.model
@pytest.mark.parametrize("script", EXAMPLES, ids=[text.split("\n")[0][:40] for text in EXAMPLES])
def test_the_examples_run_as_printed(server: str, tmp_path: Path, script: str) -> None:
    out = shell(script.replace("127.0.0.1:11434", server), tmp_path)
    assert out.strip()
    assert '"error"' not in out


@pytest.mark.model
@pytest.mark.parametrize("program", PROGRAMS, ids=[text.split("\n")[0] for text in PROGRAMS])
def test_the_programs_run_as_printed(server: str, tmp_path: Path, program: str) -> None:
    (tmp_path / "program.py").write_text(program.replace("127.0.0.1:11434", server))
    assert shell(f"'{sys.executable}' program.py", tmp_path).strip()


def test_the_tables_are_those_of_the_code(tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    copy.write_text(TEXT, "utf-8")
    subprocess.run([sys.executable, ROOT / "scripts" / "readme_tables.py", copy], check=True)
    assert copy.read_text("utf-8") == TEXT, "run `make readme`"


def test_the_tests_it_names_exist() -> None:
    missing = []
    for names in re.findall(r"<!-- tests: (.*?) -->", TEXT):
        for name in names.split(", "):
            file, _, test = name.partition("::")
            if not (ROOT / file).exists() or (test and test not in functions_of(ROOT / file)):
                missing.append(name)
    assert missing == []


def functions_of(file: Path) -> set[str]:
    nodes = ast.walk(ast.parse(file.read_text("utf-8")))
    return {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md"])
def test_its_links_lead_somewhere(file: str) -> None:
    text = (ROOT / file).read_text("utf-8")
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).lower().replace(" ", "-")
        for line in text.splitlines()
        if line.startswith("#")
    }
    broken = [
        target
        for target in re.findall(r"\]\(([^)]+)\)", text)
        if not (
            target.startswith("https://")
            or (target.startswith("#") and target[1:] in headings)
            or (ROOT / target).exists()
        )
    ]
    assert broken == []


def test_it_names_make_targets_that_exist() -> None:
    makefile = (ROOT / "Makefile").read_text()
    named = set(re.findall(r"`?make ([a-z]+)", TEXT))
    assert {name for name in named if not re.search(rf"^{name}:", makefile, re.MULTILINE)} == set()
