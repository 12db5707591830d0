"""Tensors made out of others."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from gguf import GGMLQuantizationType, quants

from puna.errors import InvalidModelFile
from puna.gguf.translation import streams
from puna.gguf.writer import NewTensor

F32, F16, BF16, Q4_0 = 0, 1, 30, 2
_DICE = np.random.default_rng(1)


def _tensor(values: npt.NDArray[Any], type_id: int = F32, *, step: int = 7) -> NewTensor:
    """A tensor whose bytes come in odd pieces."""
    data = values.tobytes()
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    return NewTensor("t", tuple(reversed(values.shape)), type_id, lambda: pieces)


def _values(tensor: NewTensor, kind: str = "<f4") -> npt.NDArray[Any]:
    data = b"".join(tensor.pieces())
    assert len(data) == tensor.nbytes
    return np.frombuffer(data, kind).reshape(tuple(reversed(tensor.shape)))


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (F32, GGMLQuantizationType.F32),
        (F16, GGMLQuantizationType.F16),
        (BF16, GGMLQuantizationType.BF16),
        (streams.Q8_0, GGMLQuantizationType.Q8_0),
    ],
)
def test_values_are_widened(number: int, kind: GGMLQuantizationType) -> None:
    stored = quants.quantize(_DICE.normal(size=(5, 64)).astype("<f4"), kind)
    expected = quants.dequantize(stored, kind)
    tensor = NewTensor("t", (64, 5), number, lambda: [stored.tobytes()])
    assert np.array_equal(_values(streams.widened(tensor)), expected)


def test_values_of_other_types_are_refused() -> None:
    tensor = NewTensor("t", (32,), Q4_0, lambda: [bytes(18)])
    with pytest.raises(InvalidModelFile, match="'t' of type Q4_0 cannot be converted"):
        streams.widened(tensor)


def test_rows_are_joined() -> None:
    upper, lower = np.ones((2, 3), "<f2"), np.zeros((1, 3), "<f2")
    joined = streams.joined("both", [_tensor(upper, F16), _tensor(lower, F16)])
    assert joined.type_id == F16
    assert np.array_equal(_values(joined, "<f2"), np.concatenate([upper, lower]))


def test_tensors_of_several_types_are_joined_as_numbers() -> None:
    upper, lower = np.ones((2, 3), "<f2"), np.full((1, 3), 0.5, "<f4")
    joined = streams.joined("both", [_tensor(upper, F16), _tensor(lower)])
    assert np.array_equal(_values(joined), np.concatenate([upper.astype("<f4"), lower]))


def test_tensors_of_several_widths_are_not_joined() -> None:
    with pytest.raises(InvalidModelFile, match="differ in shape"):
        streams.joined("both", [_tensor(np.ones((2, 3), "<f4")), _tensor(np.ones((2, 4), "<f4"))])


def test_a_matrix_is_cut_after_some_rows() -> None:
    values = _DICE.normal(size=(6, 5)).astype("<f4")
    assert np.array_equal(_values(streams.beginning(_tensor(values), 4)), values[:4])
    assert np.array_equal(_values(streams.beginning(_tensor(values), 9)), values)


def test_a_convolution_over_two_frames_becomes_two() -> None:
    """Contract 7.2: the index of the input channel runs within that of the output channel."""
    values = _DICE.normal(size=(4, 3, 2, 5, 5)).astype("<f2")
    tensor = _tensor(values.reshape(12, 2, 5, 5), F16)
    first, second = streams.frames(tensor, 3)
    assert np.array_equal(_values(first), values[:, :, 0].astype("<f4"))
    assert np.array_equal(_values(second), values[:, :, 1].astype("<f4"))


@pytest.mark.parametrize("shape", [(12, 3, 5, 5), (11, 2, 5, 5), (12, 2)])
def test_what_is_no_convolution_over_two_frames_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidModelFile, match="no convolution"):
        streams.frames(_tensor(np.zeros(shape, "<f4")), 3)


def test_rows_are_ordered_as_llama_cpp_turns_them() -> None:
    """The halves of a head become pairs of neighbours."""
    rows = np.arange(12, dtype="<f4").reshape(12, 1).repeat(3, axis=1)
    turned = _values(streams.turned(_tensor(rows), 2))
    assert turned[:, 0].tolist() == [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11]


@pytest.mark.parametrize("heads", [0, 5])
def test_rows_that_do_not_make_heads_are_refused(heads: int) -> None:
    with pytest.raises(InvalidModelFile, match="cannot be divided"):
        streams.turned(_tensor(np.zeros((12, 3), "<f4")), heads)


def test_zeros_are_zeros() -> None:
    assert _values(streams.zeros("none", 3)).tolist() == [0.0, 0.0, 0.0]
