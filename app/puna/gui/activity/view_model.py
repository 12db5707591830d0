"""The activity page without a widget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from puna.errors import NotFound, PunaError
from puna.gui.activity.journal import Journal
from puna.gui.activity.machine import Machine, ModelUse, machine_from, use_of
from puna.gui.origins import Origins
from puna.gui.session import Session
from puna.gui.tasks import Tasks

_REFRESH_MS = 2000


@dataclass(frozen=True, slots=True)
class Transfer:
    """A pull or push of anybody: this window, a terminal, another program. Sizes in bytes."""

    id: str
    kind: str
    model: str
    status: str
    total: int
    completed: int


class ActivityViewModel(QObject):
    """Hardware, models in memory, transfers and what happened lately.

    Signals:
        changed: :attr:`machine`, :attr:`models` or :attr:`transfers` were read anew.

    Attributes:
        was_asked: the server has had its chance to tell.
        machine: ``None`` while the server has not told, or cannot.
        transfers: those that run now.
        journal: what happened in this run of the program.
    """

    changed = Signal()

    def __init__(self, session: Session, origins: Origins, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.tasks = Tasks(self)
        self.journal = Journal(session, origins, self)
        self.was_asked = False
        self.machine: Machine | None = None
        self.transfers: tuple[Transfer, ...] = ()
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self.read)
        session.loaded_changed.connect(self._read_if_watched)
        session.connection_changed.connect(self._read_if_watched)

    @property
    def models(self) -> tuple[ModelUse, ...]:
        """The models in memory, as exactly as the server tells."""
        if self.machine is not None:
            return self.machine.models
        return tuple(use_of(model) for model in self.session.loaded)

    def watch(self) -> None:
        """Read now and every other second until :meth:`unwatch`."""
        self._timer.start()
        self.read()

    def unwatch(self) -> None:
        """Nobody looks; ask the server no more."""
        self._timer.stop()

    def read(self) -> None:
        """Ask the server once."""
        if not self.tasks.is_running("read"):
            self.tasks.start("read", self._read(), on_error=self._lose)

    def unload(self, name: str) -> None:
        """Drop a model from memory once its answers are finished."""
        self.tasks.start(f"unload {name}", self.session.client.unload(name))

    def _read_if_watched(self) -> None:
        if self._timer.isActive():
            self.read()

    async def _read(self) -> None:
        client = self.session.client
        try:
            self.machine = machine_from(await client.hardware())
            self.transfers = tuple(_transfer(row) for row in await client.jobs())
        except NotFound:
            # A server of another program tells less; its loaded models are known anyway.
            self.machine, self.transfers = None, ()
        self._tell()

    def _lose(self, _: PunaError) -> None:
        self.machine, self.transfers = None, ()
        self._tell()

    def _tell(self) -> None:
        self.was_asked = True
        self.changed.emit()


def _transfer(row: Mapping[str, Any]) -> Transfer:
    return Transfer(
        id=str(row.get("id", "")),
        kind=str(row.get("kind", "")),
        model=str(row.get("model", "")),
        status=str(row.get("status", "")),
        total=int(row.get("total") or 0),
        completed=int(row.get("completed") or 0),
    )
