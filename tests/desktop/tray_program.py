"""The tray icon alone, on a real display, until it is told to stop on standard input."""

# ruff: noqa: T201, ASYNC110

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "xcb"
sys.path.insert(0, str(Path(__file__).parent))

import qasync
from PySide6.QtWidgets import QApplication
from scripted_server import ScriptedServer

from conftest import LoginSwitch, StandingServer
from puna.client.client import PunaClient
from puna.gui.preferences import Preferences
from puna.gui.session import Session
from puna.gui.tray import Tray
from puna.gui.workspace import open_workspace


async def run() -> None:
    server = ScriptedServer()
    server.script.loaded = [{"name": "gemma3:4b", "size": 4_100_000_000}]
    folder = Path(tempfile.mkdtemp())
    session = Session(PunaClient, server.url)
    preferences = Preferences(folder / "window.json")
    control = StandingServer(server.url)
    workspace = open_workspace(session, control, preferences, LoginSwitch(), folder)
    tray = Tray(workspace)
    tray.show()
    session.refresh()
    while not (session.loaded and (tray.is_shown or "--no-host" in sys.argv)):
        await asyncio.sleep(0.05)
    print("shown" if tray.is_shown else "hidden", tray.icon.toolTip(), flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    tray.close()
    await workspace.aclose()
    server.close()


application = QApplication([])
application.setQuitOnLastWindowClosed(False)
loop = qasync.QEventLoop(application)
asyncio.set_event_loop(loop)
with loop:
    loop.run_until_complete(run())
