"""What the program is doing, in one word for the icon and one line for people."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QCoreApplication

from puna.gui.server_state import ServerState
from puna.gui.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Status:
    """``icon`` names ``resources/icons/tray-<icon>.svg``."""

    icon: str
    text: str


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def status_of(workspace: Workspace) -> Status:
    """The most important thing going on: faults, then work, then rest."""
    server = workspace.server
    where = workspace.session.url.partition("://")[2]
    match server.state:
        case ServerState.FAILED:
            return Status("error", tr("Server failed: {0}").format(server.problem))
        case ServerState.STARTING:
            return Status("starting", tr("Starting…"))
        case ServerState.STOPPING:
            return Status("starting", tr("Stopping…"))
        case ServerState.STOPPED:
            return Status("stopped", tr("Server stopped"))
        case _:
            return _at_work(workspace, where)


def _at_work(workspace: Workspace, where: str) -> Status:
    running = workspace.pulls.running
    active = any(model.active for model in workspace.session.loaded)
    if workspace.chat.is_busy or active:
        return Status("generating", tr("Answering at {0}").format(where))
    if running:
        percent = round(running[0].progress.fraction * 100)
        return Status("downloading", tr("Downloading {0}: {1} %").format(running[0].name, percent))
    if workspace.origins.asking:
        return Status("attention", tr("A web page asks to use your models"))
    if workspace.server.state is ServerState.EXTERNAL:
        return Status("running", tr("Using the server at {0}").format(where))
    return Status("running", tr("Running at {0}").format(where))
