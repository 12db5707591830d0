from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.errors import InvalidInput, InvalidName
from puna.names import ModelName, Source, pull_name, split_source, split_window

CASES = Path(__file__).parents[3] / "shared" / "golden" / "names" / "cases.jsonl"


def _decoded(value: Any) -> Any:
    """Replace each ``key_b64`` by ``key`` with the bytes as surrogate-escaped text."""
    if not isinstance(value, dict):
        return value
    return {
        key.removesuffix("_b64"): base64.b64decode(item).decode("utf-8", "surrogateescape")
        if key.endswith("_b64")
        else _decoded(item)
        for key, item in value.items()
    }


@pytest.fixture(scope="module")
def cases() -> list[dict[str, Any]]:
    if not CASES.exists():
        pytest.skip(f"no recorded names at {CASES}")
    return [_decoded(json.loads(line)) for line in CASES.read_text("utf-8").split("\n") if line]


def _seen(text: str) -> dict[str, Any]:
    name = ModelName.parse(text)
    fields = ("host", "namespace", "model", "tag", "scheme")
    seen: dict[str, Any] = {
        "parsed": {field: getattr(name, field) for field in fields},
        "valid": name.is_valid,
    }
    if name.is_valid:
        seen |= {
            "string": name.display,
            "display_shortest": name.display,
            "filepath": "/".join(name.parts),
            "base_url": name.base_url,
            "display_namespace_model": f"{name.namespace}/{name.model}",
        }
    return seen | _seen_source(text)


def _seen_source(text: str) -> dict[str, Any]:
    try:
        base, source = split_source(text)
    except InvalidInput as error:
        return {"ref_error": str(error)}
    ref = {"base": base, "source": source.value, "pull_name": pull_name(text)}
    return {"ref": ref}


def test_every_recorded_name_is_read_as_ollama_reads_it(cases: list[dict[str, Any]]) -> None:
    differences = []
    for case in cases:
        expected = dict(case)
        if "ref" in expected:
            expected["ref"] = {key: case["ref"][key] for key in ("base", "source", "pull_name")}
        if "string" in expected:
            expected["string"] = expected["display_shortest"]
        seen = _seen(case["input"])
        differences += [
            (case["input"], key, expected.get(key), value)
            for key, value in seen.items()
            if expected.get(key) != value
        ]
    assert differences == []


def test_every_recorded_manifest_path_is_a_name(cases: list[dict[str, Any]]) -> None:
    for case in cases:
        parts = case["input"].split("/")
        expected = case.get("from_filepath")
        if expected is not None:
            name = ModelName.from_parts(*parts)
            assert name.parts == tuple(
                expected[key] for key in ("host", "namespace", "model", "tag")
            )
        elif len(parts) == 4:
            with pytest.raises(InvalidName):
                ModelName.from_parts(*parts)


def test_the_full_form_shows_all_parts() -> None:
    assert ModelName.parse("m").full == "registry.ollama.ai/library/m:latest"


def test_a_missing_part_is_named_in_the_full_form() -> None:
    assert ModelName.parse("bad//name").full == "bad/!MISSING!/name:latest"


@pytest.mark.parametrize("text", ["", "m@d", "mm:", "/nn/mm", "é", "m\n"])
def test_a_name_outside_the_grammar_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match=r"^invalid model name$"):
        ModelName.checked(text)


def test_names_that_differ_by_case_mean_one_model() -> None:
    assert ModelName.parse("NS/M:Q4").same_as(ModelName.parse("ns/m:q4"))
    assert not ModelName.parse("m:a").same_as(ModelName.parse("m:b"))


@pytest.mark.parametrize("text", ["con", "NUL", "aux/m", "m:com1", "lpt9.x", "m.", "m:v1."])
def test_a_name_that_windows_cannot_store_is_valid_but_not_portable(text: str) -> None:
    name = ModelName.parse(text)
    assert name.is_valid
    assert not name.is_portable


@pytest.mark.parametrize("text", ["console", "null", "com0", "localhost:5000/a/m", "m:v1.0"])
def test_an_ordinary_name_is_portable(text: str) -> None:
    assert ModelName.parse(text).is_portable


@pytest.mark.parametrize(
    ("text", "name", "window"),
    [
        ("m@4096", "m", 4096),
        (" ns/m:8b@1 ", "ns/m:8b", 1),
        ("m@sha256:ab", "m@sha256:ab", None),
        ("m@0", "m@0", None),
        ("m@4k", "m@4k", None),
        ("@4", "@4", None),
        ("m", "m", None),
    ],
)
def test_a_window_is_cut_off(text: str, name: str, window: int | None) -> None:
    assert split_window(text) == (name, window)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("m:local\f:cloud", r"m:local\f:cloud"),
        ("m\x1f\x7f:local:cloud", r"m\x1f\x7f:local:cloud"),
        ("\u2003é:local\u2003:cloud", r"é:local\u2003:cloud"),
        ('"\\\udcff\U000e0001:local:cloud', r"\"\\\xff\U000e0001:local:cloud"),
    ],
)
def test_a_refused_name_is_shown_without_characters_that_cannot_be_seen(
    text: str, shown: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        split_source(text)
    assert str(caught.value) == f'use either :local or :cloud, not both: "{shown}"'


def test_a_local_suffix_is_cut_off() -> None:
    assert split_source(" m:8b:LOCAL ") == ("m:8b", Source.LOCAL)


_part = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,79}", fullmatch=True)


@given(st.tuples(_part, _part, _part, _part))
def test_the_shortest_form_parses_to_the_same_name(parts: tuple[str, str, str, str]) -> None:
    name = ModelName.from_parts(*parts)
    assert ModelName.parse(name.display).same_as(name)


@given(st.text())
def test_any_text_parses_to_a_valid_name_or_an_invalid_one(text: str) -> None:
    name = ModelName.parse(text)
    if name.is_valid:
        assert ModelName.parse(name.full) == ModelName(*name.parts)
