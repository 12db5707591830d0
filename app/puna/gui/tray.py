"""The tray icon and its menu."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from puna import __version__
from puna.gui.catalogue import LoadedModel
from puna.gui.controls import copy_text
from puna.gui.icons import picture
from puna.gui.server_state import ServerState
from puna.gui.status import status_of
from puna.gui.wording import size
from puna.gui.workspace import Workspace

_LOOK_FOR_HOST_MS = 5000


class Tray(QObject):
    """Shows the state; every item of its menu is also in the window.

    Signals:
        open_wanted: show the window.
        new_chat_wanted, settings_wanted: show it at that page.
        quit_wanted: end the program.
    """

    open_wanted = Signal()
    new_chat_wanted = Signal()
    settings_wanted = Signal()
    quit_wanted = Signal()

    def __init__(self, workspace: Workspace, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self.menu = QMenu()
        self.icon = QSystemTrayIcon(self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(self._activated)
        self._host_timer = QTimer(self)
        self._host_timer.setInterval(_LOOK_FOR_HOST_MS)
        self._host_timer.timeout.connect(self._look_for_host)
        self._connect()
        self.redraw()

    @property
    def is_shown(self) -> bool:
        """A desktop shows the icon."""
        return self.icon.isVisible() and QSystemTrayIcon.isSystemTrayAvailable()

    def show(self) -> None:
        """Show the icon now, or as soon as the desktop has a place for it."""
        self._look_for_host()
        self._host_timer.start()

    def close(self) -> None:
        """Take the icon away."""
        self._host_timer.stop()
        self.icon.hide()

    def redraw(self) -> None:
        """Show what is true now."""
        status = status_of(self._workspace)
        self.icon.setIcon(picture(f"tray-{status.icon}"))
        self.icon.setToolTip(f"Puna – {status.text}")
        self._fill(f"Puna {__version__} – {status.text}")

    def _connect(self) -> None:
        workspace = self._workspace
        for signal in (
            workspace.server.state_changed,
            workspace.session.loaded_changed,
            workspace.session.connection_changed,
            workspace.pulls.listed,
            workspace.chat.stage_changed,
            workspace.origins.changed,
        ):
            signal.connect(self.redraw)
        workspace.origins.asked.connect(self._tell_origin)
        self.icon.messageClicked.connect(self.open_wanted)

    def _tell_origin(self, origin: str) -> None:
        text = self.tr("{0} asks to use your models. Open Puna to decide.").format(origin)
        self.icon.showMessage("Puna", text, self.icon.icon())

    def _look_for_host(self) -> None:
        # Asking for an icon without a host makes some platforms forget it for good.
        if QSystemTrayIcon.isSystemTrayAvailable() and not self.icon.isVisible():
            self.icon.show()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        if reason == QSystemTrayIcon.ActivationReason.Trigger:
            self.open_wanted.emit()

    def _fill(self, first_line: str) -> None:
        """Build the menu anew: hosts keep copies, so it is done when the state changes."""
        menu = self.menu
        menu.clear()
        menu.addAction(first_line).setEnabled(False)
        menu.addAction(self.tr("Open Puna"), self.open_wanted.emit)
        menu.addAction(self.tr("New chat"), self.new_chat_wanted.emit)
        menu.addSeparator()
        self._add_models(menu)
        self._add_downloads(menu)
        menu.addSeparator()
        self._add_server(menu)
        menu.addSeparator()
        menu.addAction(self.tr("Settings…"), self.settings_wanted.emit)
        menu.addAction(self._quit_text(), self.quit_wanted.emit)

    def _add_models(self, menu: QMenu) -> None:
        loaded = self._workspace.session.loaded
        models = menu.addMenu(self.tr("Loaded models"))
        models.setEnabled(bool(loaded))
        for model in loaded:
            one = models.addMenu(self._model_text(model))
            one.addAction(self.tr("Unload"), partial(self._workspace.library.unload, model.name))
        if loaded:
            models.addSeparator()
            models.addAction(self.tr("Unload all"), self._workspace.library.unload_all)

    def _add_downloads(self, menu: QMenu) -> None:
        pulls = self._workspace.pulls
        downloads = menu.addMenu(self.tr("Downloads"))
        downloads.setEnabled(bool(pulls.items))
        for pull in pulls.items:
            one = downloads.addMenu(pull.name)
            if pull.is_at_work:
                one.addAction(self.tr("Pause"), partial(pulls.pause, pull.name))
            else:
                one.addAction(self.tr("Resume"), partial(pulls.start, pull.name))
            one.addAction(self.tr("Cancel"), partial(pulls.cancel, pull.name))

    def _model_text(self, model: LoadedModel) -> str:
        where = self.tr("{0} % GPU").format(model.gpu_share) if model.memory_gpu else "CPU"
        return f"{model.name}  ·  {size(model.memory)}  ·  {where}"

    def _add_server(self, menu: QMenu) -> None:
        server = self._workspace.server
        if server.state.can_start:
            menu.addAction(self.tr("Start server"), server.start)
        elif server.state is ServerState.RUNNING:
            menu.addAction(self.tr("Stop server"), server.stop)
            menu.addAction(self.tr("Restart server"), server.restart)
        menu.addAction(self.tr("Copy API address"), self._copy_address)

    def _copy_address(self) -> None:
        copy_text(self._workspace.session.url)

    def _quit_text(self) -> str:
        downloads = len(self._workspace.pulls.running)
        answers = int(self._workspace.chat.is_busy)
        if answers and downloads:
            return self.tr("Quit – stops an answer and %n download(s)", "", downloads)
        if answers:
            return self.tr("Quit – stops an answer")
        if downloads:
            return self.tr("Quit – stops %n download(s)", "", downloads)
        return self.tr("Quit Puna")
