from __future__ import annotations

import struct
import time
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.errors import InvalidInput, UnsupportedOption
from puna.modelfile import Command, parse, to_parameters
from puna.modelfile.parameters import required_version, typed

_GO_TYPES = {"float32": float, "int64": int, "int": int, "*bool": bool, "[]string": list}


def test_recorded_parameters_have_the_types_of_their_options(
    recorded: list[dict[str, Any]],
) -> None:
    for case in recorded:
        if "param_types" not in case:
            continue
        parameters = to_parameters(parse(case["content"]).commands)
        expected = {name: _GO_TYPES[kind] for name, kind in case["param_types"].items()}
        assert {name: type(value) for name, value in parameters.items()} == expected


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("top_p", "0x1.8p-1", 0.75),
        ("top_p", "0x_1p0", 1.0),
        ("top_p", ".5", 0.5),
        ("top_p", "5.", 5.0),
        ("top_p", "1_0.5", 10.5),
        ("temperature", "0.1234567890123", 0.12345679),
        ("temperature", "3.4028235e38", 3.4028235e38),
        ("temperature", "1e-60", 0.0),
        ("seed", "+7", 7),
        ("seed", "-9223372036854775808", -(2**63)),
        ("seed", "0" * 5000 + "1", 1),
        ("use_mmap", "T", True),
    ],
)
def test_a_number_is_read_as_go_reads_it(name: str, text: str, value: float) -> None:
    assert typed(name, [text]) == value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("top_p", "1__0"),
        ("top_p", "1_"),
        ("top_p", "0x1.8"),
        ("top_p", "٣"),
        ("top_p", "1e39"),
        ("top_p", "1e999999999"),
        ("top_p", " 1"),
        ("top_p", "+nan"),
        ("seed", "٣"),
        ("seed", "9223372036854775808"),
        ("seed", "9" * 100_000),
        ("use_mmap", "TrUe"),
    ],
)
def test_a_wrong_value_is_refused_with_the_value(name: str, text: str) -> None:
    with pytest.raises(UnsupportedOption, match=r"^invalid (float|int|bool) value \["):
        typed(name, [text])


def test_a_list_keeps_all_its_words() -> None:
    assert typed("stop", ["a", "b"]) == ["a", "b"]


def test_stop_adds_up_and_other_parameters_are_replaced() -> None:
    text = "FROM m\nPARAMETER stop a\nPARAMETER stop b\nPARAMETER top_k 1\nPARAMETER top_k 2"
    assert to_parameters(parse(text).commands) == {"stop": ["a", "b"], "top_k": 2}


def test_many_stop_lines_take_linear_time() -> None:
    commands = [Command("stop", "x")] * 50_000
    started = time.process_time()
    assert len(cast("list[str]", to_parameters(commands)["stop"])) == 50_000
    assert time.process_time() - started < 3


@pytest.mark.parametrize("text", ["0.14.0", "v1", "1.2", "1.2.3-rc.1+b.5", "1.0.0-0a"])
def test_a_semantic_version_is_accepted(text: str) -> None:
    assert required_version(text) == text.removeprefix("v")


@pytest.mark.parametrize("text", ["", "v", "1.2-rc", "01.2.3", "1.2.3-01", "1.2.3.4", "latest"])
def test_another_version_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="must be a valid semver"):
        required_version(text)


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_every_number_of_32_bits_stays_itself(value: float) -> None:
    read = typed("temperature", [repr(value)])
    assert struct.pack("<f", read) == struct.pack("<f", value)
