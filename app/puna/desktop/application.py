"""The tray program: everything made and wired, and taken apart in order."""

from __future__ import annotations

import asyncio
from pathlib import Path

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QApplication

from puna.client.client import PunaClient
from puna.config import admin_token
from puna.config.network import Address
from puna.config.paths import Folders
from puna.config.sources import load_process
from puna.desktop.autostart import Autostart
from puna.desktop.port_dialog import ask_port
from puna.desktop.port_owner import PortOwner
from puna.desktop.server_control import ServerControl
from puna.desktop.single_instance import SingleInstance
from puna.gui.garbage import GarbageCollection
from puna.gui.language import Language
from puna.gui.main_window import MainWindow
from puna.gui.navigation import PAGES
from puna.gui.preferences import Preferences
from puna.gui.server_state import ServerState
from puna.gui.session import Session
from puna.gui.theme import Theme
from puna.gui.tray import Tray
from puna.gui.workspace import open_workspace


class Application(QObject):
    """Made by :mod:`puna.desktop.main`, which runs it until the user quits."""

    def __init__(self, qt: QApplication, folders: Folders, instance: SingleInstance) -> None:
        super().__init__(qt)
        self._qt = qt
        self._folders = folders
        self._instance = instance
        self._quit = asyncio.Event()
        self._garbage = GarbageCollection(self)
        self._preferences = Preferences(folders.config / "window.json", self)
        self._theme = Theme(qt)
        self._language = Language(qt)
        self._follow_choices()
        self._server = ServerControl(self)
        self._session = Session(self._connect, self._server.url, self)
        self._workspace = open_workspace(
            self._session, self._server, self._preferences, Autostart(), folders.state
        )
        self._window = MainWindow(self._workspace)
        self._tray = Tray(self._workspace, self)
        self._wire()

    def quit(self) -> None:
        """Ask :meth:`run` to end."""
        self._quit.set()

    async def run(self, files: list[Path], *, hidden: bool) -> None:
        """Serve and show until :meth:`quit`, then take everything down in order."""
        self._server.start()
        self._tray.show()
        if not hidden:
            self._window.bring_to_front()
        elif not self._tray.is_shown:
            # Without a tray a hidden window could only be found again by a second start.
            self._window.showMinimized()
        if files:
            self._window.open_files(files)
        await self._quit.wait()
        await self._close()

    async def _close(self) -> None:
        self._instance.close()
        self._tray.close()
        self._window.hide()
        self._window.settle()
        await self._workspace.aclose()
        await self._server.aclose()
        self._window.deleteLater()
        self._garbage.close()

    def _connect(self, url: str) -> PunaClient:
        settings = load_process()[0].settings
        token = admin_token.ensure(self._folders.admin_token_file)
        return PunaClient(url, api_key=settings.api_key, admin_token=token)

    def _wire(self) -> None:
        self._server.state_changed.connect(self._follow_server)
        self._server.port_taken.connect(self._ask_port)
        self._instance.raised.connect(self._raised)
        self._preferences.changed.connect(self._follow_choices)
        self._theme.changed.connect(self._redraw)
        self._language.changed.connect(self._redraw)
        self._window.quit_wanted.connect(self.quit)
        self._tray.quit_wanted.connect(self.quit)
        self._tray.open_wanted.connect(self._window.bring_to_front)
        self._tray.new_chat_wanted.connect(self._new_chat)
        self._tray.settings_wanted.connect(self._show_settings)

    def _follow_server(self) -> None:
        if self._server.state.answers:
            self._session.retarget(self._server.url)
        if self._server.problem and self._server.state is ServerState.RUNNING:
            self._window.note(self._server.problem)

    def _follow_choices(self) -> None:
        choices = self._preferences.choices
        self._theme.choose(choices.theme, choices.zoom)
        self._language.choose(choices.language)

    def _redraw(self) -> None:
        self._window.rebuild()
        self._tray.redraw()

    def _ask_port(self, address: Address, owner: PortOwner, port: int) -> None:
        self._window.bring_to_front()
        # The dialog says all there is to say; a message below it would say it again.
        self._window.settle()
        ask_port(self._server, address, owner, port, self._window)

    def _raised(self, files: list[Path]) -> None:
        self._window.bring_to_front()
        if files:
            self._window.open_files(files)

    def _new_chat(self) -> None:
        self._window.start_chat()
        self._window.bring_to_front()

    def _show_settings(self) -> None:
        self._window.show_page(PAGES.index("settings"))
        self._window.bring_to_front()
