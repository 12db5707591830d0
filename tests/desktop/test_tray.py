"""The tray icon: its states, its menu, and the same over a desktop's bus."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QMenu

from puna.gui.library.pulls import PullState
from puna.gui.resources import resource
from puna.gui.server_state import ServerState
from puna.gui.status import status_of
from puna.gui.tray import Tray
from puna.gui.workspace import Workspace

HERE = Path(__file__).parent
TOOLS = ("Xvfb", "dbus-daemon", "dbus-send")
STATES = {
    ServerState.STOPPED: "stopped",
    ServerState.STARTING: "starting",
    ServerState.RUNNING: "running",
    ServerState.STOPPING: "starting",
    ServerState.FAILED: "error",
    ServerState.EXTERNAL: "running",
}


def entries(menu: QMenu) -> list[str]:
    return [action.text() for action in menu.actions() if not action.isSeparator()]


@pytest.fixture
def tray(workspace: Workspace) -> Iterator[Tray]:
    tray = Tray(workspace)
    yield tray
    tray.close()


@pytest.mark.parametrize("state", ServerState)
def test_each_state_has_its_icon_and_words(workspace, control, tray, state) -> None:
    control.become(state, problem="no room" if state is ServerState.FAILED else "")
    status = status_of(workspace)
    assert status.icon == STATES[state]
    assert resource("icons", f"tray-{status.icon}.svg").is_file()
    assert status.text in tray.icon.toolTip()
    assert status.text in entries(tray.menu)[0]


def test_work_shows_before_rest(workspace, tray, wait, script) -> None:
    script.pull = [{"status": "p", "digest": "x", "total": 10, "completed": 4}, "hold"]
    workspace.pulls.start("big:70b")
    wait(lambda: workspace.pulls.items[0].progress.done)
    assert status_of(workspace).icon == "downloading"
    script.chat = ["hold"]
    workspace.chat.send("Hi")
    assert status_of(workspace).icon == "generating"
    assert any("answer and 1 download" in text for text in entries(tray.menu))


def test_the_menu_offers_what_the_server_can_do(control, tray) -> None:
    control.become(ServerState.RUNNING)
    assert {"Stop server", "Restart server"} <= set(entries(tray.menu))
    control.become(ServerState.STOPPED)
    assert "Start server" in entries(tray.menu)
    assert "Stop server" not in entries(tray.menu)


def test_a_loaded_model_can_be_unloaded_from_the_menu(workspace, tray, wait, script) -> None:
    script.loaded = [{"name": "gemma3:4b", "size": 4_100_000_000, "size_vram": 4_100_000_000}]
    workspace.session.refresh()
    wait(lambda: workspace.session.loaded)
    models = next(a.menu() for a in tray.menu.actions() if a.text() == "Loaded models")
    assert entries(models)[0] == "gemma3:4b  ·  4.1 GB  ·  100 % GPU"
    unload = models.actions()[0].menu().actions()[0]
    unload.trigger()
    wait(lambda: script.asked("/api/generate"))
    assert script.asked("/api/generate")[0]["keep_alive"] == 0


def test_a_download_is_paused_resumed_and_cancelled_from_the_menu(workspace, tray, script) -> None:
    script.pull = ["hold"]
    workspace.pulls.start("big:70b")

    def trigger(text: str) -> None:
        downloads = next(a.menu() for a in tray.menu.actions() if a.text() == "Downloads")
        one = next(a.menu() for a in downloads.actions() if a.text() == "big:70b")
        next(action for action in one.actions() if action.text() == text).trigger()

    trigger("Pause")
    assert [pull.state for pull in workspace.pulls.items] == [PullState.PAUSED]
    trigger("Resume")
    assert [pull.state for pull in workspace.pulls.items] == [PullState.CHECKING]
    trigger("Cancel")
    assert workspace.pulls.items == []


@pytest.fixture
def display(tmp_path: Path) -> Iterator[dict[str, str]]:
    """A screen and a session bus of our own."""
    missing = [tool for tool in TOOLS if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    screen = subprocess.Popen(
        ["Xvfb", "-displayfd", "1", "-screen", "0", "800x600x24"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    bus = subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    yield {
        "DISPLAY": f":{screen.stdout.readline().strip()}",
        "DBUS_SESSION_BUS_ADDRESS": bus.stdout.readline().strip(),
        "XDG_CURRENT_DESKTOP": "KDE",
        "XDG_RUNTIME_DIR": str(tmp_path),
        "HOME": str(tmp_path),
        "PATH": "/usr/bin:/bin",
        "LANG": "C.UTF-8",
    }
    for process in (screen, bus):
        process.terminate()
        process.wait()
        process.stdout.close()


def start(script: str, environment: dict[str, str], *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(HERE / script), *options],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def end(process: subprocess.Popen[str]) -> int:
    process.communicate("\n", timeout=30)
    return process.returncode


def test_a_desktop_shows_the_icon_and_reads_the_whole_menu(display) -> None:
    host = start("tray_host.py", display)
    assert host.stdout.readline() == "ready\n"
    program = start("tray_program.py", display)
    item = host.stdout.readline().split()
    assert item[0] == "item"
    assert program.stdout.readline().startswith("shown Puna – Running at 127.0.0.1:")
    layout = subprocess.run(
        [
            "dbus-send",
            "--print-reply",
            f"--dest={item[1]}",
            "/MenuBar",
            "com.canonical.dbusmenu.GetLayout",
            "int32:0",
            "int32:-1",
            "array:string:",
        ],
        env=display,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for text in ("Open Puna", "New chat", "Unload all", "Stop server", "Settings…", "Quit Puna"):
        assert f'"{text}"' in layout
    assert end(program) == 0
    host.terminate()
    host.communicate()


def test_without_a_tray_the_program_lives_on(display) -> None:
    program = start("tray_program.py", display, "--no-host")
    assert program.stdout.readline().startswith("hidden Puna – Running")
    assert end(program) == 0
