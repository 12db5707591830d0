"""Fixtures for the window: Qt offscreen, one loop, a scripted server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
sys.path.insert(0, str(Path(__file__).parent))

import pytest
import qasync
from PySide6.QtWidgets import QApplication

from puna.client.client import PunaClient
from puna.desktop.main import install_asyncgen_hooks
from puna.gui.preferences import Preferences
from puna.gui.server_state import Server, ServerState
from puna.gui.session import Session
from puna.gui.theme import Theme
from puna.gui.workspace import Workspace, open_workspace
from scripted_server import Script, ScriptedServer

Wait = Callable[[Callable[[], object]], None]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("desktop")
            # The offscreen platform cannot hint sizes to a window manager it does not have.
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


@pytest.fixture
def loop(qapp: QApplication) -> Iterator[qasync.QEventLoop]:
    loop = qasync.QEventLoop(qapp)
    asyncio.set_event_loop(loop)
    hooks = sys.get_asyncgen_hooks()
    install_asyncgen_hooks(loop)
    yield loop
    loop.run_until_complete(loop.shutdown_asyncgens())
    sys.set_asyncgen_hooks(*hooks)
    loop.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def run(loop: qasync.QEventLoop) -> Run:
    """Run a coroutine on the loop, with Qt events."""
    return loop.run_until_complete


@pytest.fixture
def wait(run: Run) -> Wait:
    """Let the loop run until a condition holds."""

    async def poll(condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.005)

    return lambda condition: run(poll(condition))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def script(server: ScriptedServer) -> Script:
    return server.script


class StandingServer(Server):
    """A server control that only remembers what it was told."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.state = ServerState.RUNNING
        self.told: list[str] = []

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")

    def restart(self) -> None:
        self.told.append("restart")

    def become(self, state: ServerState, problem: str = "") -> None:
        self._become(state, problem=problem)


class LoginSwitch:
    def __init__(self) -> None:
        self.on = False

    def is_on(self) -> bool:
        return self.on

    def switch(self, on: bool) -> None:
        self.on = on


@pytest.fixture
def session(server: ScriptedServer, run: Run) -> Iterator[Session]:
    session = Session(PunaClient, server.url)
    yield session
    run(session.aclose())


@pytest.fixture
def control(server: ScriptedServer) -> StandingServer:
    return StandingServer(server.url)


@pytest.fixture
def login() -> LoginSwitch:
    return LoginSwitch()


@pytest.fixture
def preferences(tmp_path: Path) -> Preferences:
    return Preferences(tmp_path / "config" / "window.json")


@pytest.fixture
def theme(qapp: QApplication) -> Iterator[Theme]:
    theme = Theme(qapp)
    yield theme
    theme.choose("light")


@pytest.fixture
def workspace(
    server: ScriptedServer,
    control: StandingServer,
    preferences: Preferences,
    login: LoginSwitch,
    tmp_path: Path,
    run: Run,
    wait: Wait,
) -> Iterator[Workspace]:
    session = Session(PunaClient, server.url)
    workspace = open_workspace(session, control, preferences, login, tmp_path / "state")
    session.refresh()
    wait(lambda: session.is_connected)
    yield workspace
    server.script.hold.set()
    run(workspace.aclose())
