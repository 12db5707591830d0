"""The array of tokens and logits that native samplers work on."""

from __future__ import annotations

import ctypes

import numpy as np
import numpy.typing as npt

from puna.runner.llama import FloatArray, api

_TOKEN_DATA = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Candidates:
    """One reusable array for a vocabulary; a sampler may reorder and shorten it."""

    def __init__(self, vocabulary_size: int) -> None:
        self._data = np.zeros(vocabulary_size, _TOKEN_DATA)
        # Views of the fields, made once: making one costs as much as filling it.
        self._ids, self._logits = self._data["id"], self._data["logit"]
        self._is_above = np.empty(vocabulary_size, np.bool_)
        self._all = np.arange(vocabulary_size, dtype=np.int32)
        self._native = api.llama_token_data_array()
        self._pointer = ctypes.cast(self._data.ctypes.data, ctypes.POINTER(api.llama_token_data))
        self._native.data = self._pointer
        self.reference = ctypes.byref(self._native)

    def fill(self, logits: FloatArray, ids: npt.NDArray[np.int64] | None = None) -> None:
        """Take the logits of ``ids``, or of the whole vocabulary."""
        size = self._all.size if ids is None else ids.size
        self._ids[:size] = self._all if ids is None else ids
        self._logits[:size] = logits if ids is None else logits[ids]
        native = self._native
        native.data = self._pointer
        native.size, native.selected, native.sorted = size, -1, False

    def above(self, logits: FloatArray, least: float) -> npt.NDArray[np.int64]:
        """Tokens of more than a logit, ascending."""
        np.greater(logits, least, out=self._is_above)
        return self._is_above.nonzero()[0]

    @property
    def selected(self) -> int:
        """The token the last sampler of a chain chose."""
        return int(self._native.data[self._native.selected].id)

    def keep_possible(self) -> int:
        """Drop candidates of logit -inf; returns how many remain. Only before sorting."""
        size = self._native.size
        possible = self._data[:size][np.isfinite(self._data["logit"][:size])]
        self._data[: possible.size] = possible
        self._native.size = possible.size
        return int(possible.size)

    def best(self) -> int:
        """The token of the highest logit."""
        data = self._data[: self._native.size]
        return int(data["id"][data["logit"].argmax()])
