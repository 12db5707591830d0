"""What the programs that write model files say, and how that is told on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from puna.engine.converting import Converter
from puna.engine.quantizing import Quantizer
from puna.errors import InvalidInput, RunnerError

SCRIPT = """
import json, sys
job = sys.stdin.read()
said = json.loads(sys.argv[1])
if job:
    open(json.loads(job)["target"], "w").write(job)
for line in said:
    print(line if isinstance(line, str) else json.dumps(line), flush=True)
"""


def command(*said: Any) -> tuple[str, ...]:
    return (sys.executable, "-c", SCRIPT, json.dumps(said))


async def convert(target: Path, *said: Any) -> list[float]:
    converter = Converter({}, command(*said))
    files = {"config.json": target.with_name("c")}
    return [part async for part in converter.convert(files, target.with_name("base"), target)]


async def test_a_conversion_gets_its_job_and_tells_how_far_it_is(tmp_path: Path) -> None:
    target = tmp_path / "x"
    said = ({"progress": 0.5}, "noise", [1], {"progress": 1}, {"done": True})
    assert await convert(target, *said) == [0.5, 1.0]
    assert json.loads(target.read_text()) == {
        "files": {"config.json": str(tmp_path / "c")},
        "base": str(tmp_path / "base"),
        "target": str(target),
    }


@pytest.mark.parametrize(
    ("last", "kind", "text"),
    [
        ({"error": "bad", "kind": "input"}, InvalidInput, "bad"),
        ({"error": "full", "kind": "system", "errno": 28}, OSError, "full"),
        ({"progress": 0.1}, RunnerError, "ended without a result"),
        ("Killed", RunnerError, "ended without a result"),
    ],
)
async def test_a_failed_conversion_leaves_no_file(
    tmp_path: Path, last: Any, kind: type[Exception], text: str
) -> None:
    with pytest.raises(kind, match=text):
        await convert(tmp_path / "x", last)
    assert not (tmp_path / "x").exists()


async def test_a_failed_quantization_leaves_no_file(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"half")
    quantizer = Quantizer({}, command({"progress": 0.5}, {"error": "bad"}))
    parts = quantizer.quantize(tmp_path / "a", target, "Q8_0")
    assert await anext(parts) == 0.5
    with pytest.raises(RunnerError, match="bad"):
        await anext(parts)
    assert not target.exists()
