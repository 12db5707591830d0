"""What the window and the tray know of the server that this program runs."""

from __future__ import annotations

from enum import Enum

from PySide6.QtCore import QObject, Signal


class ServerState(Enum):
    """Life of the server. ``EXTERNAL``: another program's server is used as it is."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"
    EXTERNAL = "external"

    @property
    def answers(self) -> bool:
        """Requests can be sent."""
        return self in (ServerState.RUNNING, ServerState.EXTERNAL)

    @property
    def can_start(self) -> bool:
        """It does not run, and nothing is done about it."""
        return self in (ServerState.STOPPED, ServerState.FAILED)


class Server(QObject):
    """The server as the GUI may use it; the tray program gives the real one.

    Signals:
        state_changed: :attr:`state`, :attr:`url` or :attr:`problem` changed.

    Attributes:
        state: where it is in its life.
        url: where requests go.
        problem: why it failed, empty otherwise.
    """

    state_changed = Signal()

    def __init__(self, url: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state = ServerState.STOPPED
        self.url = url
        self.problem = ""

    def start(self) -> None:
        """Start it; the outcome arrives with :attr:`state_changed`."""
        raise NotImplementedError

    def stop(self) -> None:
        """Stop it; answers in progress end with an error line."""
        raise NotImplementedError

    def restart(self) -> None:
        """Apply saved settings; the running server stays when the new one cannot start."""
        raise NotImplementedError

    def _become(self, state: ServerState, *, url: str = "", problem: str = "") -> None:
        self.state = state
        self.url = url or self.url
        self.problem = problem
        self.state_changed.emit()
