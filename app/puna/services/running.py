"""Models in memory, and on their way there, with what the library says of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, Self

from puna.engine.instance import LoadedModel
from puna.engine.scheduler import Scheduler
from puna.services.listing import ModelDetails, details_of
from puna.store.installed import InstalledModel


@dataclass(frozen=True, slots=True)
class RunningModel:
    """One model; it may have been deleted from the library since. Sizes in bytes.

    Attributes:
        digest: the model's ID, 64 hex digits.
        progress: of the load, from 0 to 1.
        memory: what it takes; ``memory_gpu`` of that.
        context_length: tokens per request, 0 while nobody knows.
        expires_at: when it will be unloaded if nobody asks for it.
    """

    name: str
    digest: str
    details: ModelDetails
    state: Literal["loading", "ready", "stopping"]
    progress: float
    expires_at: datetime
    memory: int = 0
    memory_gpu: int = 0
    context_length: int = 0

    @classmethod
    def of(cls, loaded: LoadedModel, digest: str, details: ModelDetails) -> Self:
        """What the scheduler says of a model, and what the library said."""
        return cls(
            name=loaded.name,
            digest=digest,
            details=details,
            state=loaded.state,
            progress=loaded.progress,
            expires_at=loaded.expires_at,
            memory=loaded.memory,
            memory_gpu=loaded.memory_gpu,
            context_length=loaded.context_length,
        )


@dataclass(slots=True, eq=False)
class _Preparation:
    """A model whose files are being made; ``None`` = it is not known whether any are."""

    model: InstalledModel
    progress: float | None = None


class Running:
    """Remembers the models that were asked for, for as long as they are loaded.

    Args:
        scheduler: knows what is in memory.
        on_change: called when a model that is prepared has come further.
    """

    def __init__(self, scheduler: Scheduler, on_change: Callable[[], None]) -> None:
        self._scheduler = scheduler
        self._on_change = on_change
        self._noted: dict[str, tuple[str, ModelDetails]] = {}
        self._prepared: list[_Preparation] = []

    def note(self, model: InstalledModel) -> None:
        """``model`` is about to be loaded."""
        self._noted[model.name.display] = (model.digest, details_of(model))

    def find(self, name: str) -> LoadedModel | None:
        """The model of this name, if it is in memory and ready."""
        return next(
            (
                model
                for model in self._scheduler.loaded()
                if model.state == "ready" and name in (model.name, *model.names)
            ),
            None,
        )

    @contextmanager
    def preparing(self, model: InstalledModel) -> Iterator[Callable[[float], None]]:
        """While files of ``model`` may have to be made.

        The callable takes how far that is, from 0 to 1, and may be called by any thread.
        """
        loop, entry = asyncio.get_running_loop(), _Preparation(model)

        def report(progress: float) -> None:
            before, entry.progress = entry.progress, progress
            if before is None or int(before * 100) != int(progress * 100):
                loop.call_soon_threadsafe(self._on_change)

        self._prepared.append(entry)
        try:
            yield report
        finally:
            self._prepared.remove(entry)

    def list(self) -> list[RunningModel]:
        """All models in memory, the one that stays longest first, then those that are prepared.

        One that serves nobody and is about to be gone is gone for others.
        """
        loaded = self._scheduler.loaded()
        names = {name for model in loaded for name in (model.name, *model.names)}
        self._noted = {name: found for name, found in self._noted.items() if name in names}
        found = {
            model.name: RunningModel.of(model, *self._noted[model.name])
            for model in loaded
            if model.name in self._noted and (model.active or model.state != "stopping")
        }
        for entry in self._prepared:
            if entry.progress is not None:
                found.setdefault(entry.model.name.display, _prepared(entry.model, entry.progress))
        return list(found.values())


def _prepared(model: InstalledModel, progress: float) -> RunningModel:
    return RunningModel(
        name=model.name.display,
        digest=model.digest,
        details=details_of(model),
        state="loading",
        progress=progress,
        expires_at=datetime.now(UTC),
    )
