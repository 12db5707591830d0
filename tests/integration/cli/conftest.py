from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from puna.cli.main import main

GOLDEN = Path(__file__).parents[4] / "shared" / "golden" / "cli"


@dataclass(frozen=True)
class Outcome:
    """What a command did."""

    code: int
    out: str
    err: str


Puna = Callable[..., Outcome]


@pytest.fixture
def puna(
    scripted: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Puna:
    """Runs a command against the scripted server; standard streams are no terminals."""
    monkeypatch.setenv("OLLAMA_HOST", scripted.url)
    monkeypatch.setenv("PUNA_HOME", str(tmp_path / "home"))

    def run(*args: str, stdin: str = "") -> Outcome:
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        code = main(args)
        out, err = capsys.readouterr()
        return Outcome(code, out, err)

    return run


@pytest.fixture(scope="session")
def recorded() -> dict[str, dict[str, Any]]:
    """The recorded commands by id."""
    if not GOLDEN.exists():
        pytest.skip(f"no recorded commands in {GOLDEN}")
    names = ("help_and_usage", "commands", "terminal")
    lines = [
        line
        for name in names
        for line in (GOLDEN / f"{name}.jsonl").read_text("utf-8").split("\n")
        if line
    ]
    return {record["id"]: record for record in map(json.loads, lines)}
