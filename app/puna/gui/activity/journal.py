"""What happened lately, found by comparing what the server told before and tells now."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from PySide6.QtCore import QObject, Signal

from puna.gui.origins import Origins
from puna.gui.session import Session

_MOST = 100


class Kind(Enum):
    """Sorts of entries."""

    CONNECTED = "connected"
    LOST = "lost"
    LOADED = "loaded"
    UNLOADED = "unloaded"
    INSTALLED = "installed"
    REMOVED = "removed"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened; ``subject`` is a model, an address or an origin."""

    at: datetime
    kind: Kind
    subject: str


class Journal(QObject):
    """The last entries of this run, newest first; nothing is written to disk.

    Signals:
        grew: there is a new entry.
    """

    grew = Signal()

    def __init__(self, session: Session, origins: Origins, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.entries: deque[Entry] = deque(maxlen=_MOST)
        self._installed: frozenset[str] | None = None
        self._loaded: frozenset[str] = frozenset()
        self._was_connected = False
        session.connection_changed.connect(self._compare_connection)
        session.models_changed.connect(self._compare_installed)
        session.loaded_changed.connect(self._compare_loaded)
        origins.asked.connect(lambda origin: self._add(Kind.REFUSED, {origin}))

    def _compare_connection(self) -> None:
        connected = self._session.is_connected
        if connected != self._was_connected:
            self._was_connected = connected
            self._add(Kind.CONNECTED if connected else Kind.LOST, {self._session.url})
        if connected and self._installed is None:
            self._installed = self._names()

    def _compare_installed(self) -> None:
        now = self._names()
        if self._installed is not None:
            self._add(Kind.INSTALLED, now - self._installed)
            self._add(Kind.REMOVED, self._installed - now)
        self._installed = now

    def _compare_loaded(self) -> None:
        ready = (model for model in self._session.loaded if not model.is_loading)
        now = frozenset(model.name for model in ready)
        self._add(Kind.LOADED, now - self._loaded)
        self._add(Kind.UNLOADED, self._loaded - now)
        self._loaded = now

    def _names(self) -> frozenset[str]:
        return frozenset(model.name for model in self._session.models)

    def _add(self, kind: Kind, subjects: set[str] | frozenset[str]) -> None:
        at = datetime.now()  # noqa: DTZ005 - shown as the clock on the wall
        for subject in sorted(subjects):
            self.entries.appendleft(Entry(at, kind, subject))
        if subjects:
            self.grew.emit()
