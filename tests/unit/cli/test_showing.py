from __future__ import annotations

from typing import Any

import pytest

from puna.cli.showing import overview


def _cells(text: str) -> list[list[str]]:
    return [line.split() for line in text.split("\n")]


def test_a_model_without_metadata_is_described_by_its_details() -> None:
    details = {"family": "llama", "parameter_size": "8.0B", "quantization_level": "Q4_0"}
    assert _cells(overview({"details": details})) == [
        ["Model"],
        ["architecture", "llama"],
        ["parameters", "8.0B"],
        ["quantization", "Q4_0"],
        [],
        [],
    ]


def test_a_missing_size_is_counted_from_the_parameters() -> None:
    info = {"model_info": {"general.architecture": "x", "general.parameter_count": 2_000_000}}
    assert ["parameters", "2M"] in _cells(overview(info))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        ("text", "text"),
        (1e-05, "1e-05"),
        ([0.0] * 9, "[0 0 0 ...+6 more]"),
        ([1, 2], "[1 2]"),
        ([], "[]"),
        (["a very long item", "b"], "[a very long item ...+1 more]"),
        (None, "<nil>"),
        ({}, "map[string]interface {}"),
    ],
)
def test_metadata_is_printed_as_go_does(value: Any, shown: str) -> None:
    text = overview({"model_info": {"key": value}}, verbose=True)
    assert f"    key    {shown}    \n" in text


def test_only_the_beginning_of_a_licence_is_shown() -> None:
    text = overview({"license": "\n  one\n\ntwo\nthree\n"})
    assert text.endswith("  License\n    one    \n    two    \n    ...    \n\n")
