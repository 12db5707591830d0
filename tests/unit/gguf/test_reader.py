from __future__ import annotations

import importlib.util
import os
import struct
import time
import tracemalloc
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from puna.errors import InvalidModelFile
from puna.gguf.checks import check
from puna.gguf.header import Array, Header
from puna.gguf.metadata import ModelInfo
from puna.gguf.reader import read_array, read_beginning, read_header, shortest_float32
from puna.gguf.types import ValueType

ABUSE = Path(__file__).resolve().parents[4] / "shared" / "acceptance" / "abuse" / "ggufgen.py"
# Faults that llama.cpp reports itself, without harm to its process.
HARMLESS = {"missing_tensor", "bos_out_of_range"}


@pytest.fixture(scope="module")
def ggufgen() -> ModuleType:
    if not ABUSE.exists():
        pytest.skip("shared/acceptance is not here")
    spec = importlib.util.spec_from_file_location("ggufgen", ABUSE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def read(tmp_path: Path) -> Any:
    def read(data: bytes) -> Header:
        path = tmp_path / "model.gguf"
        path.write_bytes(data)
        return read_header(path)

    return read


def _refusal(path: Path, data: bytes) -> str:
    """Why a file is refused; empty when it is taken."""
    path.write_bytes(data)
    try:
        header = read_header(path)
        ModelInfo.from_header(header)
        check(header)
    except InvalidModelFile as error:
        return str(error)
    return ""


def test_each_named_damage_is_refused_with_a_text(ggufgen: ModuleType, tmp_path: Path) -> None:
    cases = ggufgen.public_cases()
    accepted = {name for name, data in cases.items() if not _refusal(tmp_path / "f", data)}
    assert accepted <= HARMLESS


@pytest.mark.parametrize("seed", range(4))
def test_no_mutant_raises_anything_but_a_refusal(
    ggufgen: ModuleType, tmp_path: Path, seed: int
) -> None:
    texts = [_refusal(tmp_path / "f", data) for data in ggufgen.mutants(150, seed).values()]
    assert all(len(text) < 400 for text in texts)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cuts=st.lists(st.tuples(st.integers(0, 1500), st.binary(max_size=9)), max_size=6))
def test_overwritten_headers_are_read_or_refused(
    gguf: Any, tmp_path: Path, cuts: list[tuple[int, bytes]]
) -> None:
    data = bytearray(gguf())
    for at, patch in cuts:
        data[at : at + len(patch)] = patch
    _refusal(tmp_path / "f", bytes(data))


def test_a_hostile_header_takes_no_memory(ggufgen: ModuleType, tmp_path: Path) -> None:
    cases = ggufgen.public_cases()
    tracemalloc.start()
    for data in cases.values():
        _refusal(tmp_path / "f", data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 32 << 20


def test_many_large_strings_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "f"
    count, size = 8, 16 << 20
    with path.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, 0, count))
        for number in range(count):
            key = b"k%d" % number
            file.write(struct.pack("<Q", len(key)) + key + struct.pack("<IQ", 8, size))
            file.seek(size, os.SEEK_CUR)
        file.truncate()
    with pytest.raises(InvalidModelFile, match="metadata is too large"):
        read_header(path)


def test_values_of_every_kind_are_read(gguf: Any, read: Any) -> None:
    header = read(gguf(x__eps=1e-5, x__flag=True, x__neg=("i32", -3), x__big=("u64", 2**40)))
    found = {key: header.metadata[key] for key in ("x.eps", "x.flag", "x.neg", "x.big")}
    assert found == {"x.eps": 1e-5, "x.flag": True, "x.neg": -3, "x.big": 2**40}


def test_tensors_have_their_shape_type_and_extent(gguf: Any, read: Any) -> None:
    tensor = read(gguf()).tensors[1]
    assert (tensor.name, tensor.shape, tensor.type) == ("blk.0.attn_q.weight", (32, 32), "F32")
    assert (tensor.offset, tensor.nbytes) == (512, 4096)


def test_a_large_array_is_read_only_on_demand(gguf: Any, read: Any) -> None:
    tokens = [f"token {number}" for number in range(9000)]
    header = read(gguf(tokenizer__ggml__tokens=tokens))
    array = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(array, Array)
    assert (array.items, array.count, array.element) == (None, 9000, ValueType.STRING)
    assert read_array(header, array) == tuple(tokens)


def test_the_header_of_a_large_vocabulary_is_read_quickly(gguf: Any, tmp_path: Path) -> None:
    path = tmp_path / "f"
    tokens = [f"token{number}" for number in range(150_000)]
    path.write_bytes(gguf(tokenizer__ggml__tokens=tokens, tokenizer__ggml__merges=tokens))
    spent = min(_cpu_time(path) for _ in range(5))
    assert spent < 0.15


def test_the_beginning_of_a_file_tells_what_stands_there(gguf: Any, read: Any) -> None:
    data = gguf(tokenizer__ggml__tokens=[f"token {number}" for number in range(9000)])
    whole = read(data)
    cut = data.index(b"token 4000")
    header = read_beginning(data[:cut], len(data))
    tokens = header.metadata["tokenizer.ggml.tokens"]
    assert isinstance(tokens, Array)
    assert (tokens.count, tokens.items, header.tensors) == (9000, None, ())
    before = [key for key in whole.metadata if key.startswith(("general.", "llama."))]
    assert {key: header.metadata[key] for key in before} == {
        key: whole.metadata[key] for key in before
    }
    assert header.file_size == len(data)


@pytest.mark.parametrize("data", [b"", b"GGUF", b"<html>" * 20, b"GGUF" + bytes(40)])
def test_what_is_no_beginning_of_a_model_file_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidModelFile):
        read_beginning(data, 1000)


@settings(deadline=None)
@given(st.data())
def test_a_beginning_of_any_length_is_read_or_refused(gguf: Any, data: st.DataObject) -> None:
    whole = gguf()
    length = data.draw(st.integers(0, len(whole)))
    try:
        header = read_beginning(whole[:length], len(whole))
    except InvalidModelFile:
        assert length < 24
    else:
        assert header.tensors == ()


def _cpu_time(path: Path) -> float:
    start = time.process_time()
    read_header(path)
    return time.process_time() - start


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with pytest.raises(InvalidModelFile, match="not in GGUF format"):
        read_header(path)


def test_overlapping_tensors_are_refused(gguf: Any, read: Any) -> None:
    data = bytearray(gguf(tensors=[("a", (32,)), ("b", (32,))]))
    at = data.index(struct.pack("<Q", 1) + b"b") + 9 + 4 + 8 + 4
    data[at : at + 8] = struct.pack("<Q", 64)
    with pytest.raises(InvalidModelFile, match="overlaps"):
        read(bytes(data))


@given(st.floats(width=32, allow_nan=False))
def test_the_shortest_float_is_the_same_float32(value: float) -> None:
    short = shortest_float32(value)
    assert struct.pack("<f", short) == struct.pack("<f", value)


def test_the_shortest_float_is_what_a_person_wrote() -> None:
    for text in ("1e-05", "0.1", "10000.0", "1e-06", "500000.0"):
        (stored,) = struct.unpack("<f", struct.pack("<f", float(text)))
        assert repr(shortest_float32(stored)) == text
