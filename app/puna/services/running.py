"""Models in memory, with what the library said of them when they were loaded."""

from __future__ import annotations

from dataclasses import dataclass

from puna.engine.instance import LoadedModel
from puna.engine.scheduler import Scheduler
from puna.services.listing import ModelDetails, details_of
from puna.store.installed import InstalledModel


@dataclass(frozen=True, slots=True)
class RunningModel:
    """One model in memory; it may have been deleted from the library since.

    Attributes:
        digest: the model's ID, 64 hex digits.
        loaded: what the scheduler says.
    """

    digest: str
    details: ModelDetails
    loaded: LoadedModel


class Running:
    """Remembers the models that were asked for, for as long as they are loaded."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler
        self._noted: dict[str, tuple[str, ModelDetails]] = {}

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

    def list(self) -> list[RunningModel]:
        """All models in memory, the one that stays longest first.

        One that serves nobody and is about to be gone is gone for others.
        """
        loaded = self._scheduler.loaded()
        names = {name for model in loaded for name in (model.name, *model.names)}
        self._noted = {name: found for name, found in self._noted.items() if name in names}
        return [
            RunningModel(*self._noted[model.name], model)
            for model in loaded
            if model.name in self._noted and (model.active or model.state != "stopping")
        ]
