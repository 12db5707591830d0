"""LoRA adapters: each file is opened once, and one set of them is in force at a time.

llama.cpp applies adapters to a whole context. So all rows of a batch have the
same set, and what the cache holds of one set is of no use to another.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from puna.runner.llama import Context, Model, api
from puna.runner.load_errors import LoadError, load_error
from puna.runner.log import NativeLog
from puna.runner.protocol import Adapter


@dataclass(frozen=True, slots=True, eq=False)
class AdapterSet:
    """Adapters that are applied together. Equal sets are one object.

    Attributes:
        variant: the name of the set for what is kept of conversations, the same
            in every process; empty = no adapters.
    """

    variant: str
    handles: tuple[Any, ...]
    scales: tuple[float, ...]


_NONE = AdapterSet("", (), ())


class Adapters:
    """The adapters of one model. They stay in memory as long as the model does."""

    def __init__(self, model: Model, context: Context, log: NativeLog) -> None:
        self._model = model
        self._context = context
        self._log = log
        self._handles: dict[str, Any] = {}
        self._sets: dict[tuple[Adapter, ...], AdapterSet] = {(): _NONE}
        self._in_force = _NONE
        self.memory = 0
        """Bytes that the opened files take."""

    def load(self, wanted: tuple[Adapter, ...]) -> AdapterSet:
        """Open what is not open yet.

        Raises:
            LoadError: a file is no adapter for this model.
        """
        found = self._sets.get(wanted)
        if found is None:
            handles = tuple(self._handle(adapter.path) for adapter in wanted)
            scales = tuple(adapter.scale for adapter in wanted)
            found = self._sets[wanted] = AdapterSet(_variant(wanted), handles, scales)
        return found

    def apply(self, adapters: AdapterSet) -> None:
        """Put a set in force for the next batches. A change costs some milliseconds."""
        if adapters is self._in_force:
            return
        count = len(adapters.handles)
        handles = (api.llama_adapter_lora_p_ctypes * count)(*adapters.handles)
        scales = (ctypes.c_float * count)(*adapters.scales)
        api.llama_set_adapters_lora(self._context.handle, handles, count, scales)
        self._in_force = adapters

    def _handle(self, path: str) -> Any:
        if path not in self._handles:
            self._handles[path] = self._open(path)
            self.memory += Path(path).stat().st_size
        return self._handles[path]

    def _open(self, path: str) -> Any:
        if not Path(path).is_file():
            raise LoadError("file", "the adapter does not exist")
        self._log.clear()
        handle = api.llama_adapter_lora_init(self._model.handle, path.encode())
        if not handle:
            raise load_error(self._log, "the adapter cannot be loaded").without_folder(path)
        if api.llama_adapter_get_alora_n_invocation_tokens(handle):
            api.llama_adapter_lora_free(handle)
            text = "the adapter cannot be loaded: it waits for words to be activated by (aLoRA)"
            raise LoadError("unsupported", text)
        return handle


def _variant(adapters: Sequence[Adapter]) -> str:
    return "|".join(
        f"{Path(one.path).name}:{Path(one.path).stat().st_size}:{one.scale:g}" for one in adapters
    )
