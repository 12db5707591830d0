"""The settings page without a widget."""

from __future__ import annotations

from typing import Any, Protocol

from PySide6.QtCore import QObject, Signal

from puna.errors import NotFound, PunaError
from puna.gui.preferences import Preferences
from puna.gui.server_state import Server, ServerState
from puna.gui.session import Session
from puna.gui.settings.rows import Row, problem, rows_from
from puna.gui.tasks import Tasks


class LoginStart(Protocol):
    """The switch that starts the program with the user's session."""

    def is_on(self) -> bool:
        """Whether the program starts at login."""

    def switch(self, on: bool) -> None:
        """Make it start at login, or not any more."""


class SettingsViewModel(QObject):
    """The server's settings with staged changes, and the window's own choices.

    Signals:
        rows_changed: :attr:`rows` were read anew.
        staged_changed: :attr:`changes` or :attr:`problems` changed.
        applied: changes are in force; the text says what happens next.
        failed: a :class:`PunaError`.
    """

    rows_changed = Signal()
    staged_changed = Signal()
    applied = Signal(bool)
    failed = Signal(object)

    def __init__(
        self,
        session: Session,
        server: Server,
        preferences: Preferences,
        login: LoginStart,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.server = server
        self.preferences = preferences
        self.login = login
        self.tasks = Tasks(self)
        self.tasks.failed.connect(self._fail)
        self.rows: dict[str, Row] = {}
        self.changes: dict[str, Any] = {}
        self.problems: dict[str, str] = {}
        self._undo: dict[str, Any] = {}
        session.connection_changed.connect(self.read)
        server.state_changed.connect(self._watch_restart)

    @property
    def needs_restart(self) -> bool:
        """Some staged change is in force only after a restart of the server."""
        return any(self.rows[name].applies == "restart" for name in self.changes)

    @property
    def can_apply(self) -> bool:
        """There are changes and each of them is valid."""
        return bool(self.changes) and not self.problems

    def read(self) -> None:
        """Ask the server for its settings."""
        if self.session.is_connected:
            self.tasks.start("read", self._read())

    def read_unless_staged(self) -> None:
        """Show what was changed elsewhere; what is being typed here is not disturbed."""
        if not self.changes:
            self.read()

    def stage(self, name: str, value: Any) -> None:
        """Take what was typed; the value in force, typed again, is no change."""
        row = self.rows[name]
        self.problems.pop(name, None)
        if value == row.value or (isinstance(value, str) and value == str(row.value)):
            self.changes.pop(name, None)
        else:
            self.changes[name] = value
            text = problem(name, value)
            if text:
                self.problems[name] = text
        self.staged_changed.emit()

    def reset(self, name: str) -> None:
        """Take a setting back to its default when the changes are applied."""
        self.problems.pop(name, None)
        self.changes[name] = None
        self.staged_changed.emit()

    def discard(self) -> None:
        """Forget the staged changes."""
        self.changes.clear()
        self.problems.clear()
        self.rows_changed.emit()
        self.staged_changed.emit()

    def apply(self) -> None:
        """Save the staged changes and restart the server when they need it."""
        if self.can_apply:
            self.tasks.start("apply", self._apply(dict(self.changes)))

    async def _read(self) -> None:
        try:
            self.rows = rows_from(await self.session.client.settings())
        except NotFound:
            # A server of another program has no settings that could be shown here.
            self.rows = {}
        self.rows_changed.emit()
        self.staged_changed.emit()

    async def _apply(self, changes: dict[str, Any]) -> None:
        before = {name: _stored(self.rows[name]) for name in changes}
        answer = await self.session.client.save_settings(changes)
        self.changes.clear()
        restart = bool(answer.get("restart_required"))
        await self._read()
        if restart and self.server.state is ServerState.RUNNING:
            self._undo = before
            self.server.restart()
        self.applied.emit(restart)

    def _watch_restart(self) -> None:
        """Show what a restarted server uses; after a refused restart the old values are saved."""
        if self.server.state is not ServerState.RUNNING:
            return
        undo, self._undo = self._undo, {}
        if undo and self.server.problem:
            self.failed.emit(PunaError(self.server.problem))
            self.tasks.start("undo", self._restore(undo))
        else:
            self.read_unless_staged()

    async def _restore(self, values: dict[str, Any]) -> None:
        await self.session.client.save_settings(values)
        await self._read()

    def _fail(self, _: str, error: PunaError) -> None:
        self.failed.emit(error)


def _stored(row: Row) -> Any:
    """What to save to get the present value back."""
    return None if row.origin == "default" else row.value
