from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from puna.errors import InvalidModelFile
from puna.gguf.header import Array, Header
from puna.gguf.reader import read_header
from puna.gguf.types import ValueType
from puna.gguf.writer import Changes, NewArray, NewTensor, combine, copied, write_file


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
        combine([part], file.write, Changes(add={"clip.projector_type": "mlp", "x.y": (1, 2)}))
    metadata = read_header(whole).metadata
    assert metadata["clip.projector_type"] == "mlp"
    assert isinstance(metadata["x.y"], Array)
    assert metadata["x.y"].items == (1, 2)


def test_keys_and_tensors_can_be_others(gguf: Any, tmp_path: Path) -> None:
    tensors = [("keep", (3,)), ("v.drop", (8,)), ("old", (5,))]
    part = _header(tmp_path, "a", gguf(tensors, fill=1.0))
    keep, _, old = part.tensors
    changes = Changes(
        keys=lambda key: None if key == "general.name" else key.replace("llama.", "new."),
        add={"new.block_count": 7},
        tokens=3,
        tensors=[copied(part, keep), replace(copied(part, old), name="new")],
    )
    whole = tmp_path / "whole"
    with whole.open("wb") as file:
        combine([part], file.write, changes)
    changed = read_header(whole)
    assert [tensor.name for tensor in changed.tensors] == ["keep", "new"]
    assert _tensor(changed, "new") == _tensor(part, "old")
    assert "general.name" not in changed.metadata
    assert changed.metadata["new.block_count"] == 7
    assert changed.metadata["new.context_length"] == 256
    for key, items in (("tokens", ("<unk>", "<s>", "</s>")), ("token_type", (2, 3, 3))):
        array = changed.metadata[f"tokenizer.ggml.{key}"]
        assert isinstance(array, Array)
        assert array.items == items


def test_parts_that_share_a_tensor_are_refused(gguf: Any, tmp_path: Path) -> None:
    part = _header(tmp_path, "a", gguf())
    with pytest.raises(InvalidModelFile, match="more than one part"):
        combine([part, part], lambda data: None)


def test_a_new_file_has_its_values_and_tensors(tmp_path: Path) -> None:
    path = tmp_path / "new"
    values = {
        "general.architecture": "llama",
        "flag": False,
        "number": 2**32 - 1,
        "part": 0.5,
        "texts": NewArray(ValueType.STRING, ["a", "é"]),
        "none": NewArray(ValueType.STRING, []),
        "scores": NewArray(ValueType.FLOAT32, [0.5, -1.0]),
    }
    tensors = [
        NewTensor("odd", (3,), 0, lambda: [b"abcd", b"efgh" * 2]),
        NewTensor("half", (2, 2), 1, lambda: [b"12345678"]),
    ]
    with path.open("wb") as file:
        write_file(values, tensors, file.write)
    header = read_header(path)
    assert {key: header.metadata[key] for key in ("flag", "number", "part")} == {
        "flag": False,
        "number": 2**32 - 1,
        "part": 0.5,
    }
    arrays = [header.metadata[key] for key in ("texts", "none", "scores")]
    assert [array.items for array in arrays if isinstance(array, Array)] == [
        ("a", "é"),
        (),
        (0.5, -1.0),
    ]
    assert _tensor(header, "odd") == b"abcdefghefgh"
    assert _tensor(header, "half") == b"12345678"


@pytest.mark.parametrize(
    ("value", "size"), [(-1, 4), (2**32, 4), (1e39, 4), ("\ud800", 4), ("ok", 3)]
)
def test_what_cannot_be_written_is_refused(value: Any, size: int) -> None:
    tensor = NewTensor("t", (1,), 0, lambda: [bytes(size)])
    with pytest.raises(InvalidModelFile):
        write_file({"key": value}, [tensor], lambda data: None)
