"""LoadOptions and sizes as llama.cpp's own parameter structures."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from typing import Any, Protocol

from puna.runner.llama import KV_TYPES, api
from puna.runner.protocol import LoadOptions

_FLASH = {"auto": -1, "on": 1, "off": 0}
_TEXT_ROOM = 127


class Sizes(Protocol):
    """What a context needs to know of its shape."""

    @property
    def cells(self) -> int:
        """Tokens the cache can hold."""

    @property
    def sequences(self) -> int:
        """Sequences the cache can tell apart."""

    @property
    def batch(self) -> int:
        """Rows of a call."""

    @property
    def ubatch(self) -> int:
        """Rows computed at once."""


class Overrides:
    """Metadata values that replace those of the file, kept alive during a load."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._array = (api.llama_model_kv_override * (len(values) + 1))()
        for entry, (key, value) in zip(self._array, values.items(), strict=False):
            entry.key = key.encode()[:_TEXT_ROOM]
            _fill(entry, value)
        self.used = bool(values)

    @property
    def pointer(self) -> Any:
        """Address of the first entry; the last one has an empty key."""
        return ctypes.cast(self._array, ctypes.POINTER(api.llama_model_kv_override))


def model_parameters(
    options: LoadOptions, layers: int, *, mapped: bool, overrides: Overrides
) -> Any:
    """Parameters to open weights with ``layers`` on the GPU."""
    parameters = api.llama_model_default_params()
    parameters.n_gpu_layers = layers
    mode = api.LLAMA_LOAD_MODE_MMAP if mapped else api.LLAMA_LOAD_MODE_NONE
    parameters.load_mode = mode
    parameters.vocab_only = options.vocabulary_only
    if options.main_gpu is not None:
        parameters.main_gpu = options.main_gpu
        parameters.split_mode = api.LLAMA_SPLIT_MODE_NONE
    if overrides.used:
        parameters.kv_overrides = overrides.pointer
    return parameters


def context_parameters(options: LoadOptions, shape: Sizes, threads: int) -> Any:
    """Parameters for one unified cache that all sequences share."""
    parameters = api.llama_context_default_params()
    parameters.n_ctx = shape.cells
    parameters.n_batch = shape.batch
    parameters.n_ubatch = shape.ubatch
    parameters.n_seq_max = shape.sequences
    parameters.n_threads = threads
    parameters.n_threads_batch = threads
    parameters.kv_unified = True
    # The full window lets a cached conversation be cut anywhere.
    parameters.swa_full = True
    parameters.no_perf = True
    parameters.embeddings = options.embedding
    kind = KV_TYPES[options.kv_type]
    parameters.type_k, parameters.type_v = kind, kind
    parameters.flash_attn_type = _flash(options)
    return parameters


def _flash(options: LoadOptions) -> int:
    # llama.cpp refuses a quantised V cache without flash attention.
    if options.kv_type not in ("f16", "f32", "bf16"):
        return _FLASH["on"]
    return _FLASH.get(options.flash_attention, _FLASH["auto"])


def _fill(entry: Any, value: Any) -> None:
    if isinstance(value, bool):
        entry.tag, entry.value.val_bool = api.LLAMA_KV_OVERRIDE_TYPE_BOOL, value
    elif isinstance(value, int):
        entry.tag, entry.value.val_i64 = api.LLAMA_KV_OVERRIDE_TYPE_INT, value
    elif isinstance(value, float):
        entry.tag, entry.value.val_f64 = api.LLAMA_KV_OVERRIDE_TYPE_FLOAT, value
    else:
        entry.tag = api.LLAMA_KV_OVERRIDE_TYPE_STR
        entry.value.val_str = str(value).encode()[:_TEXT_ROOM]
