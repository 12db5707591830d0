"""The server's catalogue: models to begin with, those that fit this computer first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from puna.errors import PunaError
from puna.gui.library.outlook import Outlook, outlook_from
from puna.gui.library.pulls import Pulls
from puna.gui.session import Session
from puna.gui.tasks import Tasks


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that could be pulled; sizes are about those of the registry.

    Attributes:
        capabilities: as ``/api/show`` names them.
    """

    name: str
    parameters: str
    capabilities: tuple[str, ...]
    license: str
    outlook: Outlook


class Offers(QObject):
    """Models to pull. No request leaves the computer before one is pulled.

    Signals:
        changed: :attr:`models` were read, or one of them was pulled or removed.
    """

    changed = Signal()

    def __init__(self, session: Session, pulls: Pulls, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._pulls = pulls
        self._watched = False
        self.models: tuple[Offer, ...] = ()
        self.tasks = Tasks(self)
        session.connection_changed.connect(self._forget)
        session.models_changed.connect(self.changed)
        pulls.listed.connect(self.changed)

    def watch(self, watched: bool) -> None:
        """Ask the server for its catalogue, now and after each restart, or no more."""
        self._watched = watched
        self._follow()

    def is_here(self, offer: Offer) -> bool:
        """It is installed."""
        return self._session.model(offer.name) is not None

    def is_coming(self, offer: Offer) -> bool:
        """It is among the downloads."""
        return any(pull.name == offer.name for pull in self._pulls.items)

    def pull(self, offer: Offer) -> None:
        """Download it."""
        self._pulls.start(offer.name)

    def _forget(self) -> None:
        """Another server, or the same after a restart, has to be asked anew."""
        self.models = ()
        self.changed.emit()
        self._follow()

    def _follow(self) -> None:
        if self._watched and self._session.is_connected and not self.models:
            self.tasks.start("read", self._read(), on_error=self._have_none)

    async def _read(self) -> None:
        answer = await self._session.client.catalogue()
        offers = [_offer_from(row) for row in answer["models"]]
        self.models = tuple(sorted(offers, key=lambda offer: offer.outlook.is_doubtful))
        self.changed.emit()

    def _have_none(self, _: PunaError) -> None:
        """A server of another program has no catalogue."""
        self.changed.emit()


def _offer_from(row: Mapping[str, Any]) -> Offer:
    return Offer(
        name=str(row["estimate"]["model"]),
        parameters=str(row["parameter_size"]),
        capabilities=tuple(row["capabilities"]),
        license=str(row["license"]),
        outlook=outlook_from(row["estimate"]),
    )
