"""The files that a runner opens for a model, looked at before it does.

llama.cpp ends its process where a file makes no sense, so what is known to do
that is refused here; what only has other names is translated.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from pathlib import Path
from typing import TypeAlias

from puna.gguf import checks
from puna.gguf.metadata import ModelInfo
from puna.services.translated import ModelFiles, Report, Translations
from puna.store import manifests
from puna.store.disk import store_errors
from puna.store.installed import InstalledModel

WEIGHTS = (manifests.MODEL, manifests.PROJECTOR, manifests.ADAPTER, manifests.DRAFT)
"""Layers that a runner opens."""

_KEPT = 64
_State: TypeAlias = tuple[int, int, int]


class Loadable:
    """Remembers which files were looked at, for as long as they stay the same.

    Args:
        translations: makes files that llama.cpp loads of ones that it cannot.
    """

    def __init__(self, translations: Translations) -> None:
        self._translations = translations
        self._known: OrderedDict[str, tuple[tuple[_State, ...], ModelFiles]] = OrderedDict()

    async def files(self, model: InstalledModel, report: Report) -> ModelFiles:
        """Weights and projectors; none for a model that is not GGUF.

        Slow the first time for a model that has to be copied; ``report`` is
        told by a thread how far that is.

        Raises:
            InvalidModelFile: a file is damaged, or would end the runner.
            ModelLoadError: llama.cpp does not know such a file.
            BlobNotFound, NoSpace, StoreError: one cannot be read or written.
        """
        known = self._known.get(model.digest)
        if known is not None and known[0] == _states(known[1].every):
            self._known.move_to_end(model.digest)
            return known[1]
        files = await asyncio.to_thread(self._look, model, report)
        self._known[model.digest] = (_states(files.every), files)
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        return files

    def _look(self, model: InstalledModel, report: Report) -> ModelFiles:
        with store_errors("read model file"):
            for layer in model.manifest.layers_of(*WEIGHTS):
                header = model.library.header(layer.digest)
                # only the first part of a split model says what it is
                if ModelInfo.from_header(header).split.number == 0:
                    checks.check(header)
        return self._translations.files(model, report)


def _states(paths: tuple[Path, ...]) -> tuple[_State, ...]:
    """What tells a file from another one of its name; a lost file has none."""
    states = []
    for path in paths:
        try:
            found = path.stat()
        except OSError:
            states.append((-1, 0, 0))
        else:
            states.append((found.st_size, found.st_mtime_ns, found.st_ino))
    return tuple(states)
