"""The downloads: one row each; looked at before they begin, paused, failed or done."""

from __future__ import annotations

import json
import time
from contextlib import aclosing
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from puna.errors import NoSpace, NotFound, PunaError
from puna.gui.library.outlook import Outlook, outlook_from
from puna.gui.library.progress import TransferProgress
from puna.gui.session import Session
from puna.gui.tasks import Tasks

_REDRAW_MS = 200


class PullState(Enum):
    """Life of a download."""

    CHECKING = "checking"
    DOUBTED = "doubted"
    RUNNING = "running"
    PAUSED = "paused"
    FAILED = "failed"
    DONE = "done"


@dataclass(slots=True)
class Pull:
    """One download.

    Attributes:
        name: with ``http://`` it allows plain HTTP.
        error: why it failed.
        outlook: what it takes, once that is known.
        wanted_anyway: the user wants a model that this machine cannot load.
    """

    name: str
    state: PullState = PullState.PAUSED
    progress: TransferProgress = field(default_factory=TransferProgress)
    error: PunaError | None = None
    outlook: Outlook | None = None
    wanted_anyway: bool = False

    @property
    def is_at_work(self) -> bool:
        """It is being looked at or downloaded."""
        return self.state in (PullState.CHECKING, PullState.RUNNING)

    @property
    def is_insecure(self) -> bool:
        """Plain HTTP was asked for."""
        return self.name.startswith("http://")


class Pulls(QObject):
    """Starts, pauses and remembers downloads. A pause keeps what has arrived.

    Before the first byte the server is asked what the model takes: one that
    does not fit on the disk fails there, one that this machine cannot load
    waits for :meth:`insist`.

    Signals:
        listed: a download was added or taken away.
        progressed: some download moved, at most five times a second.
        finished: name of a model that is here now.
    """

    listed = Signal()
    progressed = Signal()
    finished = Signal(str)

    def __init__(self, session: Session, file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._file = file
        self.tasks = Tasks(self)
        self.items: list[Pull] = [Pull(name) for name in _read(file)]
        self._redraw = QTimer(self)
        self._redraw.setInterval(_REDRAW_MS)
        self._redraw.timeout.connect(self.progressed)

    @property
    def running(self) -> list[Pull]:
        """The downloads at work."""
        return [pull for pull in self.items if pull.is_at_work]

    def start(self, name: str) -> None:
        """Download ``name``, or go on with it."""
        pull = self._find(name) or self._add(name)
        if pull.is_at_work:
            return
        pull.state, pull.error, pull.progress = PullState.CHECKING, None, TransferProgress()
        self.tasks.start(name, self._run(pull), on_error=lambda error: self._fail(pull, error))
        self._redraw.start()
        self._store()
        self.listed.emit()

    def insist(self, name: str) -> None:
        """Download a model although this machine cannot load it."""
        pull = self._find(name)
        if pull is not None:
            pull.wanted_anyway = True
            self.start(name)

    def pause(self, name: str) -> None:
        """Stop a download; what has arrived stays for :meth:`start`."""
        pull = self._find(name)
        if pull is not None and pull.is_at_work:
            pull.state = PullState.PAUSED
            self.tasks.cancel(name)
            self._settle()

    def cancel(self, name: str) -> None:
        """Stop a download and take it off the list."""
        self.tasks.cancel(name)
        self.items = [pull for pull in self.items if pull.name != name]
        self._settle()

    async def aclose(self) -> None:
        """Stop all downloads; they are listed as paused next time."""
        await self.tasks.aclose()

    async def _run(self, pull: Pull) -> None:
        pull.outlook = await self._look(pull)
        if pull.outlook is not None and not pull.outlook.has_room:
            raise NoSpace(pull.outlook.lack_of_room())
        if pull.outlook is not None and pull.outlook.is_too_big and not pull.wanted_anyway:
            pull.state = PullState.DOUBTED
            self._settle()
            return
        pull.state = PullState.RUNNING
        self.listed.emit()
        await self._fetch(pull)

    async def _look(self, pull: Pull) -> Outlook | None:
        """What it takes; servers of other programs do not tell."""
        try:
            answer = await self._session.client.estimate(pull.name, pull.is_insecure)
        except NotFound:
            return None
        return outlook_from(answer)

    async def _fetch(self, pull: Pull) -> None:
        async with aclosing(self._session.client.pull(pull.name, pull.is_insecure)) as lines:
            async for line in lines:
                pull.progress.take(line, time.monotonic())
        pull.state = PullState.DONE
        self.items.remove(pull)
        self._settle()
        self._session.refresh()
        self.finished.emit(pull.name)

    def _fail(self, pull: Pull, error: PunaError) -> None:
        pull.state, pull.error = PullState.FAILED, error
        self._settle()

    def _settle(self) -> None:
        if not self.running:
            self._redraw.stop()
        self._store()
        self.listed.emit()

    def _find(self, name: str) -> Pull | None:
        return next((pull for pull in self.items if pull.name == name), None)

    def _add(self, name: str) -> Pull:
        pull = Pull(name)
        self.items.append(pull)
        return pull

    def _store(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file.write_text(json.dumps([pull.name for pull in self.items]), encoding="utf-8")


def _read(file: Path) -> list[str]:
    """Names of downloads that were not finished; none from a missing or damaged file."""
    try:
        names = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []
