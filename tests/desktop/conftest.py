"""Fixtures for the window: Qt offscreen, one loop, a scripted server."""

from __future__ import annotations

import asyncio
import gc
import json
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
from pytestqt.qtbot import QtBot
from scripted_server import Script, ScriptedServer

from puna.client.client import PunaClient
from puna.config.sources import process_folders
from puna.desktop.application import Application
from puna.desktop.main import install_asyncgen_hooks
from puna.desktop.single_instance import SingleInstance
from puna.gui.preferences import Preferences
from puna.gui.server_state import Server, ServerState
from puna.gui.session import Session
from puna.gui.theme import Theme
from puna.gui.workspace import Workspace, open_workspace

Wait = Callable[[Callable[[], object]], None]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("desktop")
            # The offscreen platform cannot hint sizes to a window manager it does not have.
            item.add_marker(pytest.mark.qt_log_ignore("This plugin does not support"))


@pytest.fixture(autouse=True, scope="session")
def runtime_folder(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A place for sockets, as a login session has one."""
    folder = tmp_path_factory.mktemp("run")
    folder.chmod(0o700)
    os.environ["XDG_RUNTIME_DIR"] = str(folder)


@pytest.fixture(autouse=True)
def garbage() -> Iterator[None]:
    """Collect in this thread only, as the program does: other threads must not delete widgets."""
    gc.disable()
    yield
    gc.collect()


@pytest.fixture(scope="session")
def program_loop(qapp: QApplication) -> Iterator[qasync.QEventLoop]:
    """The program's one loop, made once; it runs whenever Qt handles events."""
    loop = qasync.QEventLoop(qapp, already_running=True)
    asyncio.events._set_running_loop(None)
    yield loop
    loop.stop()
    loop.close()


@pytest.fixture
def loop(program_loop: qasync.QEventLoop) -> Iterator[qasync.QEventLoop]:
    """The loop, in force for one test only: tests of other rooms have loops of their own."""
    hooks = sys.get_asyncgen_hooks()
    asyncio.set_event_loop(program_loop)
    asyncio.events._set_running_loop(program_loop)
    install_asyncgen_hooks(program_loop)
    yield program_loop
    sys.set_asyncgen_hooks(*hooks)
    asyncio.events._set_running_loop(None)
    asyncio.set_event_loop(None)


@pytest.fixture
def wait(loop: qasync.QEventLoop, qtbot: QtBot) -> Wait:
    """Let the loop run until a condition holds."""
    return lambda condition: qtbot.waitUntil(lambda: bool(condition()), timeout=60_000)


@pytest.fixture
def run(loop: qasync.QEventLoop, wait: Wait) -> Run:
    """Run a coroutine to its end, with Qt events."""

    def to_the_end(work: Coroutine[Any, Any, Any]) -> Any:
        task = loop.create_task(work)
        wait(task.done)
        return task.result()

    return to_the_end


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


@pytest.fixture
def application(qapp, tmp_path, monkeypatch, loop, wait) -> Iterator[Application]:
    """The whole tray program with the real server, on a free port and in empty folders."""
    monkeypatch.setenv("PUNA_HOME", str(tmp_path / "puna"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("OLLAMA_HOST", "")
    folders = process_folders()
    folders.config.mkdir(parents=True)
    folders.settings_file.write_text(json.dumps({"host": "127.0.0.1:0"}))
    instance = SingleInstance(folders.config)
    assert instance.claim([])
    application = Application(qapp, folders, instance)
    running = loop.create_task(application.run([], hidden=False))
    wait(lambda: application._session.is_connected)
    yield application
    application.quit()
    wait(running.done)
    running.result()
