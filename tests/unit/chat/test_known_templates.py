import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.chat.known_templates import _KNOWN, FAR, detect, edits

GOLDEN = Path(__file__).resolve().parents[4] / "shared" / "golden" / "template" / "render.jsonl"


def recorded(area: str) -> list[dict[str, Any]]:
    if not GOLDEN.exists():
        pytest.skip("the recorded cases are not here")
    cases = [json.loads(line) for line in GOLDEN.read_text("utf-8").split("\n") if line]
    return [case for case in cases if case["area"] == area]


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_every_text_is_byte_for_byte_the_recorded_one() -> None:
    named = {case["name"]: case for case in recorded("named")}
    for known, sources in _KNOWN:
        case = named[known.name]
        assert sha256(known.source) == case["template_sha256"]
        assert known.parameters == case["parameters"]
        assert {sha256(source) for source in sources} <= {item["sha256"] for item in case["jinja"]}


def test_recorded_texts_are_recognised() -> None:
    for case in recorded("detect"):
        if "jinja" in case:
            found = detect(case["jinja"])
            assert (found.name if found else None) == case.get("detected"), case["id"]


def test_a_text_just_near_enough_is_recognised() -> None:
    for known, sources in _KNOWN:
        for source in sources:
            assert detect(source + "x" * (FAR - 1)) is known
            assert detect(source + "é" * FAR) is not known


def plain_distance(one: str, other: str) -> int:
    row = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        old, row[0] = row[0], i
        for j, right in enumerate(other, 1):
            old, row[j] = row[j], min(old + (left != right), row[j] + 1, row[j - 1] + 1)
    return row[-1]


@given(st.text("abc", max_size=12), st.text("abc", max_size=12), st.integers(1, 8))
def test_the_distance_is_exact_below_the_limit(one: str, other: str, limit: int) -> None:
    assert edits(one, other, limit) == min(plain_distance(one, other), limit)
