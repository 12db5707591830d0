from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

CASES = Path(__file__).parents[4] / "shared" / "golden" / "modelfile" / "cases.jsonl"


@pytest.fixture(scope="session")
def recorded() -> list[dict[str, Any]]:
    """The recorded Modelfiles, ``content`` being the text or the bytes that were read."""
    if not CASES.exists():
        pytest.skip(f"no recorded Modelfiles at {CASES}")
    cases = [json.loads(line) for line in CASES.read_text("utf-8").split("\n") if line]
    for case in cases:
        case["content"] = _content(case)
    return cases


def _content(case: dict[str, Any]) -> str | bytes:
    if "input_b64" in case:
        return base64.b64decode(case["input_b64"])
    if "input_gen" in case:
        return "".join(text * count for text, count in case["input_gen"])
    return str(case["input"])
