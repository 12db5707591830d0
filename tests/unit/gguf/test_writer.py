from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from puna.errors import InvalidModelFile
from puna.gguf.header import Header
from puna.gguf.reader import read_header
from puna.gguf.writer import combine


def _header(folder: Path, name: str, data: bytes) -> Header:
    path = folder / name
    path.write_bytes(data)
    return read_header(path)


def _tensor(header: Header, name: str) -> bytes:
    tensor = next(tensor for tensor in header.tensors if tensor.name == name)
    start = header.data_offset + tensor.offset
    return header.path.read_bytes()[start : start + tensor.nbytes]


def test_parts_become_one_file_with_every_tensor(gguf: Any, tmp_path: Path) -> None:
    split = {"split__no": 0, "split__count": 2}
    parts = [
        _header(tmp_path, "a", gguf(**split, tensors=[("x", (3,)), ("y", (40,))], fill=1.0)),
        _header(tmp_path, "b", gguf(bare={}, tensors=[("z", (2, 5))], fill=2.0)),
    ]
    whole = tmp_path / "whole"
    with whole.open("wb") as file:
        combine(parts, file.write)
    merged = read_header(whole)
    assert [tensor.name for tensor in merged.tensors] == ["x", "y", "z"]
    assert "split.count" not in merged.metadata
    assert merged.metadata["llama.block_count"] == 1
    for part in parts:
        for tensor in part.tensors:
            assert _tensor(merged, tensor.name) == _tensor(part, tensor.name)


def test_a_value_can_be_added(gguf: Any, tmp_path: Path) -> None:
    part = _header(tmp_path, "a", gguf())
    whole = tmp_path / "whole"
    with whole.open("wb") as file:
        combine([part], file.write, add={"clip.projector_type": "mlp"})
    assert read_header(whole).metadata["clip.projector_type"] == "mlp"


def test_parts_that_share_a_tensor_are_refused(gguf: Any, tmp_path: Path) -> None:
    part = _header(tmp_path, "a", gguf())
    with pytest.raises(InvalidModelFile, match="more than one part"):
        combine([part, part], lambda data: None)
