"""Files in the models folder that belong to no model: unused ones, unfinished downloads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from puna.errors import NotFound
from puna.gui.library.pulls import Pulls
from puna.gui.session import Session
from puna.gui.tasks import Tasks
from puna.names import ModelName

_SETTLE_MS = 1_500
"""A transfer that was ended lets go of its files after a moment."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The files of one download that nobody is at work on.

    Attributes:
        model: name to go on with, empty when nobody knows.
        size: bytes when finished; ``completed`` of them are there.
        modified: RFC 3339 time of the last byte.
    """

    model: str
    digests: tuple[str, ...]
    size: int
    completed: int
    modified: str


class Leftovers(QObject):
    """What could be removed, and the removal. The server is asked only while somebody watches.

    Signals:
        changed: the files are others, or a download was taken up.
        failed: what was tried and the error.
    """

    changed = Signal()
    failed = Signal(str, object)

    def __init__(self, session: Session, pulls: Pulls, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._pulls = pulls
        self._found: tuple[Unfinished, ...] = ()
        self._watched = False
        self.unused_files = 0
        self.unused_size = 0
        self.tasks = Tasks(self)
        self.tasks.failed.connect(self.failed)
        session.connection_changed.connect(self._follow)
        session.models_changed.connect(self._follow)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(_SETTLE_MS)
        self._later.timeout.connect(self._follow)
        pulls.listed.connect(self._follow_pulls)

    @property
    def downloads(self) -> tuple[Unfinished, ...]:
        """Those that are not among the downloads of the window, newest first."""
        listed = {_key(pull.name) for pull in self._pulls.items}
        return tuple(one for one in self._found if not one.model or _key(one.model) not in listed)

    def watch(self, watched: bool) -> None:
        """Ask the server now and whenever something may have changed, or no more."""
        self._watched = watched
        self._follow()

    def _follow(self) -> None:
        if self._watched and self._session.is_connected:
            self.tasks.start("read", self._read())

    def _follow_pulls(self) -> None:
        """Show the downloads that the window does not list any more."""
        self.changed.emit()
        self._later.start()

    def resume(self, download: Unfinished) -> None:
        """Go on with a download whose model is known."""
        self._pulls.start(download.model)

    def forget(self, download: Unfinished) -> None:
        """Delete what has arrived of a download."""
        self.tasks.start(f"forget {download.digests[0]}", self._forget(download))

    def remove_unused(self) -> None:
        """Delete the files that no model uses."""
        self.tasks.start("remove", self._remove_unused())

    async def aclose(self) -> None:
        """Stop all tasks."""
        self._later.stop()
        await self.tasks.aclose()

    async def _read(self) -> None:
        try:
            answer = await self._session.client.leftovers()
        except NotFound:
            # A server of another program keeps its files to itself.
            answer = {}
        self.unused_files = int(answer.get("unused_files", 0))
        self.unused_size = int(answer.get("unused_size", 0))
        self._found = tuple(_by_model(answer.get("downloads", ())))
        self.changed.emit()

    async def _forget(self, download: Unfinished) -> None:
        for digest in download.digests:
            await self._session.client.forget_download(digest)
        await self._read()

    async def _remove_unused(self) -> None:
        await self._session.client.remove_unused()
        await self._read()


def _by_model(rows: Iterable[Mapping[str, Any]]) -> Iterable[Unfinished]:
    """One for each model; a blob of which nobody knows the model stands alone."""
    together: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        together.setdefault(row["model"] or row["digest"], []).append(row)
    for blobs in together.values():
        yield Unfinished(
            model=str(blobs[0]["model"]),
            digests=tuple(str(blob["digest"]) for blob in blobs),
            size=sum(int(blob["size"]) for blob in blobs),
            completed=sum(int(blob["completed"]) for blob in blobs),
            modified=str(blobs[0]["modified_at"]),
        )


def _key(name: str) -> str:
    """The same for all ways to write the name of a model."""
    return ModelName.parse(name).full.lower()
