"""The rows of one decode call, in arrays that llama.cpp reads in place."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from puna.runner.llama import api


class Batch:
    """Up to ``capacity`` rows. Filled by slices, since each call into numpy costs."""

    def __init__(self, capacity: int, sequences: int) -> None:
        self.capacity = capacity
        self.rows = 0
        self._tokens = np.zeros(capacity, np.int32)
        self._positions = np.zeros(capacity, np.int32)
        self._owners = np.ones(capacity, np.int32)
        self._sequences = np.zeros(capacity, np.uint64)
        self._outputs = np.zeros(capacity, np.int8)
        # Each row points at the id of its sequence; these ids never move.
        self._ids = np.arange(sequences, dtype=np.int32)
        self._first_id = int(self._ids.ctypes.data)
        self._native = self._bind()

    def clear(self) -> None:
        """Start over."""
        self.rows = 0

    def add_row(self, sequence: int, token: int, position: int) -> int:
        """Add one token whose logits are wanted; returns its row."""
        row = self.rows
        self._tokens[row] = token
        self._positions[row] = position
        self._sequences[row] = self._address(sequence)
        self._outputs[row] = 1
        self.rows = row + 1
        return row

    def add_chunk(
        self,
        sequence: int,
        tokens: Sequence[int],
        position: int,
        *,
        last_output: bool,
        all_outputs: bool = False,
    ) -> int:
        """Add consecutive tokens from ``position`` on; returns the row of the last one."""
        start, end = self.rows, self.rows + len(tokens)
        self._tokens[start:end] = tokens
        self._positions[start:end] = np.arange(position, position + len(tokens), dtype=np.int32)
        self._sequences[start:end] = self._address(sequence)
        self._outputs[start:end] = int(all_outputs)
        if last_output:
            self._outputs[end - 1] = 1
        self.rows = end
        return end - 1

    @property
    def native(self) -> Any:
        """The ``llama_batch`` of the rows added so far."""
        self._native.n_tokens = self.rows
        return self._native

    def _address(self, sequence: int) -> int:
        return self._first_id + self._ids.itemsize * sequence

    def _bind(self) -> Any:
        native = api.llama_batch()
        native.token = _pointer(self._tokens, ctypes.c_int32)
        native.pos = _pointer(self._positions, ctypes.c_int32)
        native.n_seq_id = _pointer(self._owners, ctypes.c_int32)
        native.seq_id = _pointer(self._sequences, ctypes.POINTER(ctypes.c_int32))
        native.logits = _pointer(self._outputs, ctypes.c_int8)
        native.embd = None
        return native


def _pointer(array: Any, kind: Any) -> Any:
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
