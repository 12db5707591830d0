from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.store.gojson import encode


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1"),
        (0.25, "0.25"),
        (1e21, "1e+21"),
        (1e20, "100000000000000000000"),
        (1e-6, "0.000001"),
        (1e-7, "1e-7"),
        (-1.5e-9, "-1.5e-9"),
        (1.25e100, "1.25e+100"),
        (0.12345679, "0.12345679"),
        (0.0, "0"),
        (-0.0, "-0"),
        (123456789012, "123456789012"),
        (True, "true"),
        (None, "null"),
        ('<b>&\u2028é\x01\n"\\', '"\\u003cb\\u003e\\u0026\\u2028é\\u0001\\n\\"\\\\"'),
        ([1, "a", {}], '[1,"a",{}]'),
    ],
)
def test_values_are_written_as_go_writes_them(value: Any, text: str) -> None:
    assert encode(value).decode() == text


def test_keys_are_sorted_when_asked() -> None:
    assert encode({"b": 1, "a": {"d": 1, "c": 2}}, sort_keys=True) == b'{"a":{"c":2,"d":1},"b":1}'
    assert encode({"b": 1, "a": 2}) == b'{"b":1,"a":2}'


@pytest.mark.parametrize("value", [math.nan, math.inf, object()])
def test_what_has_no_json_form_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no JSON form"):
        encode(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_value(value: float) -> None:
    assert float(json.loads(encode(value))) == value


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: st.lists(inner) | st.dictionaries(st.text("ab<&é"), inner),
    )
)
def test_what_is_written_reads_back(value: Any) -> None:
    assert json.loads(encode(value)) == value
