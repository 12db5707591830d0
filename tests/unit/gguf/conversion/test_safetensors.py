from __future__ import annotations

import contextlib
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from puna.errors import InvalidModelFile
from puna.gguf.conversion.safetensors import read_tensors

GOOD: dict[str, Any] = {
    "__metadata__": {"format": "pt"},
    "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
    "b": {"dtype": "BF16", "shape": [4], "data_offsets": [24, 32]},
}


def file_of(header: object, data: bytes = bytes(32)) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.safetensors"


def changed(**fields: Any) -> dict[str, Any]:
    return {**GOOD, "a": {**GOOD["a"], **fields}}


def test_tensors_are_found_by_name_and_place(path: Path) -> None:
    path.write_bytes(file_of(GOOD))
    tensors = read_tensors(path)
    start = path.stat().st_size - 32
    assert list(tensors) == ["a", "b"]
    assert (tensors["a"].shape, tensors["a"].start, tensors["a"].nbytes) == ((2, 3), start, 24)
    assert (tensors["b"].dtype, tensors["b"].start) == ("BF16", start + 24)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "impossible length"),
        (b"\x02\0\0", "impossible length"),
        (struct.pack("<Q", 2**63), "impossible length"),
        (struct.pack("<Q", 100) + b"{}", "impossible length"),
        (file_of(b"{]"), "not JSON"),
        (file_of(b'"' + b"\xff" * 9 + b'"'), "not JSON"),
        (file_of(b"[" * 100_000), "not JSON"),
        (file_of(b'{"a": ' + b"9" * 10_000 + b"}"), "not JSON"),
        (file_of([1]), "not an object"),
        (file_of({"a": 5}), "a type that is not known"),
        (file_of(changed(dtype="Q4")), "a type that is not known"),
        (file_of(changed(dtype=["F32"])), "a type that is not known"),
        (file_of({"x" * 600: GOOD["a"]}), "a type that is not known"),
        (file_of(changed(shape=[2, True, 3])), "no usable shape"),
        (file_of(changed(shape=[2.0, 3])), "no usable shape"),
        (file_of(changed(shape=[-2, -3])), "no usable shape"),
        (file_of(changed(shape=[1] * 9)), "no usable shape"),
        (file_of(changed(shape=None)), "no usable shape"),
        (file_of(changed(data_offsets=[0])), "no usable shape"),
        (file_of(changed(data_offsets=[0, 2**70])), "no usable shape"),
        (file_of(changed(shape=[2**40, 2**40])), "not as large"),
        (file_of(changed(data_offsets=[24, 0])), "not as large"),
        (file_of(changed(data_offsets=[8, 32])), "overlaps"),
        (file_of(changed(data_offsets=[40, 64])), "after the end"),
        (file_of(GOOD, bytes(31)), "after the end"),
        (file_of(b'{"a": 1, "a": 2}'), "twice"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(path: Path, data: bytes, text: str) -> None:
    path.write_bytes(data)
    with pytest.raises(InvalidModelFile, match=text):
        read_tensors(path)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
_SIZES = st.lists(st.integers(-3, 70), max_size=4)
_ENTRIES = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["F32", "F16", "BF16", "U8", "?"]), "shape": _SIZES | _VALUES},
    optional={"data_offsets": _SIZES | _VALUES},
)
_HEADERS = st.dictionaries(st.text(max_size=4), _ENTRIES | _VALUES, max_size=4)


@given(header=_HEADERS, size=st.integers(0, 80))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_header_says_its_tensors_lie_apart_inside_the_file(
    path: Path, header: dict[str, Any], size: int
) -> None:
    path.write_bytes(file_of(header, bytes(size)))
    try:
        tensors = read_tensors(path).values()
    except InvalidModelFile:
        return
    places = sorted((tensor.start, tensor.start + tensor.nbytes) for tensor in tensors)
    ends = [0, *(end for _, end in places)]
    assert all(start >= end for (start, _), end in zip(places, ends, strict=False))
    assert ends[-1] <= path.stat().st_size


@given(data=st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_are_read_or_refused(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with contextlib.suppress(InvalidModelFile):
        read_tensors(path)
