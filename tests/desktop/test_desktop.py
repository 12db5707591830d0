"""The tray program: one instance, whose port it is, the server's life, starting at login."""

from __future__ import annotations

import gc
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import pytest
from PySide6.QtCore import QObject
from PySide6.QtWidgets import QMessageBox, QWidget
from pytestqt.qtbot import QtBot

from puna.config.network import Address
from puna.desktop.autostart import Autostart
from puna.desktop.port_dialog import ask_port, owner_text
from puna.desktop.port_owner import Kind, PortOwner, find_owner, free_port
from puna.desktop.server_control import ServerControl
from puna.desktop.single_instance import SingleInstance, socket_name
from puna.gui.garbage import GarbageCollection, collect
from puna.gui.server_state import ServerState


@pytest.fixture
def taken() -> Iterator[socket.socket]:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one


@pytest.fixture
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PUNA_HOME", str(tmp_path / "puna"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("OLLAMA_HOST", "")
    settings = tmp_path / "puna" / "config" / "settings.json"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"host": "127.0.0.1:0"}))
    return settings


@pytest.fixture
def control(own_folders: Path, run) -> Iterator[ServerControl]:
    control = ServerControl()
    yield control
    run(control.aclose())


def second_start(config: Path, files: list[str]) -> subprocess.Popen[str]:
    code = (
        "import sys; from pathlib import Path; from PySide6.QtCore import QCoreApplication;"
        "from puna.desktop.single_instance import SingleInstance;"
        "app = QCoreApplication([]); one = SingleInstance(Path(sys.argv[1]));"
        "print(one.claim([Path(f) for f in sys.argv[2:]]))"
    )
    command = [sys.executable, "-c", code, str(config), *files]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_second_start_hands_its_files_to_the_first(tmp_path, wait, loop) -> None:
    first, raised = SingleInstance(tmp_path), []
    first.raised.connect(raised.append)
    assert first.claim([])
    other = second_start(tmp_path, ["/tmp/模型.gguf"])
    wait(lambda: raised)
    assert raised == [[Path("/tmp/模型.gguf")]]
    assert other.communicate(timeout=10)[0].strip() == "False"
    first.close()


def test_the_window_is_told_within_half_a_second(tmp_path, wait, loop) -> None:
    from PySide6.QtNetwork import QLocalSocket

    first, raised = SingleInstance(tmp_path), []
    first.raised.connect(lambda _: raised.append(time.monotonic()))
    assert first.claim([])
    started = time.monotonic()
    other = QLocalSocket()
    other.connectToServer(socket_name(tmp_path))
    other.write(b"[]\n")
    other.flush()
    wait(lambda: raised)
    assert raised[0] - started < 0.5
    first.close()


def test_nonsense_at_the_socket_opens_nothing(tmp_path, wait, loop) -> None:
    from PySide6.QtNetwork import QLocalSocket

    first, raised = SingleInstance(tmp_path), []
    first.raised.connect(raised.append)
    assert first.claim([])
    other = QLocalSocket()
    other.connectToServer(socket_name(tmp_path))
    other.write(b"{{{ \xff\n")
    wait(lambda: raised)
    assert raised == [[]]
    first.close()


def test_the_socket_of_an_instance_that_died_is_taken_over(tmp_path, loop) -> None:
    Path(socket_name(tmp_path)).write_text("left over")
    first = SingleInstance(tmp_path)
    assert first.claim([])
    first.close()


def test_the_socket_is_for_this_user_only(tmp_path, loop) -> None:
    first = SingleInstance(tmp_path)
    assert first.claim([])
    assert Path(socket_name(tmp_path)).stat().st_mode & 0o077 == 0
    first.close()


def test_an_ollama_server_is_recognised_with_its_version(server, script) -> None:
    script.errors["/api/settings"] = (404, "not found")
    port = int(server.url.rpartition(":")[2])
    owner = find_owner(Address(port=port))
    assert (owner.kind, owner.version) == (Kind.OLLAMA, "1.0-test")
    assert owner.pid == os.getpid()


def test_another_puna_is_recognised(server) -> None:
    port = int(server.url.rpartition(":")[2])
    assert find_owner(Address(port=port)).kind is Kind.PUNA


def test_another_program_is_named_by_its_process(taken) -> None:
    port = taken.getsockname()[1]
    owner = find_owner(Address(port=port))
    assert owner.kind is Kind.OTHER
    assert not owner.is_usable
    assert str(os.getpid()) in owner_text(owner)


def test_a_free_port_is_offered(taken) -> None:
    port = taken.getsockname()[1]
    offered = free_port(Address(port=port - 1))
    assert offered > port


def test_a_taken_port_is_told_and_nothing_is_disturbed(
    own_folders, taken, loop, wait, run, qtbot
) -> None:
    port = taken.getsockname()[1]
    own_folders.write_text(json.dumps({"host": f"127.0.0.1:{port}"}))
    control, told = ServerControl(), []
    control.port_taken.connect(lambda *facts: told.append(facts))
    control.start()
    wait(lambda: told)
    assert control.state is ServerState.FAILED
    address, owner, offered = told[0]
    parent = QWidget()
    qtbot.addWidget(parent)
    box = ask_port(control, address, owner, offered, parent)
    texts = [button.text() for button in box.buttons()]
    assert not any("Use it as it is" in text for text in texts)
    next(b for b in box.buttons() if str(offered) in b.text()).click()
    wait(lambda: control.state is ServerState.RUNNING)
    assert control.url.endswith(f":{offered}")
    with socket.create_connection(("127.0.0.1", port), timeout=2):
        pass
    with build_opener(ProxyHandler({})).open(f"{control.url}/api/settings", timeout=30) as answer:
        rows = {row["name"]: row for row in json.load(answer)["settings"]}
    assert not rows["host"]["locked"], "the settings page could not change the address"
    run(control.aclose())


def test_a_usable_owner_can_be_used_as_it_is(control, loop, qtbot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    owner = PortOwner(Kind.OLLAMA, "0.9.0", 4711, "ollama")
    box = ask_port(control, Address(port=11434), owner, 11435, parent)
    assert "Ollama (0.9.0, process 4711)" in box.informativeText()
    next(b for b in box.buttons() if "as it is" in b.text()).click()
    assert control.state is ServerState.EXTERNAL
    assert control.url == "http://127.0.0.1:11434"


def test_the_server_starts_stops_and_starts_again(control, wait) -> None:
    control.start()
    wait(lambda: control.state is ServerState.RUNNING)
    control.stop()
    wait(lambda: control.state is ServerState.STOPPED)
    control.start()
    wait(lambda: control.state is ServerState.RUNNING)


def test_a_restart_moves_to_a_new_address(control, own_folders, wait) -> None:
    control.start()
    wait(lambda: control.state is ServerState.RUNNING)
    port = free_port(Address(port=23000))
    own_folders.write_text(json.dumps({"host": f"127.0.0.1:{port}"}))
    control.restart()
    wait(lambda: control.url.endswith(f":{port}") and control.state is ServerState.RUNNING)
    assert control.problem == ""


def test_a_restart_to_a_taken_address_leaves_the_old_server_alone(
    control, own_folders, taken, wait
) -> None:
    control.start()
    wait(lambda: control.state is ServerState.RUNNING)
    old = control.url
    own_folders.write_text(json.dumps({"host": f"127.0.0.1:{taken.getsockname()[1]}"}))
    control.restart()
    wait(lambda: control.problem)
    assert control.state is ServerState.RUNNING
    assert control.url == old
    host, _, port = old.rpartition("/")[2].partition(":")
    with socket.create_connection((host, int(port)), timeout=2):
        pass


def test_starting_at_login_is_a_file_that_the_switch_makes_and_removes(tmp_path) -> None:
    login = Autostart(tmp_path / "autostart" / "puna.desktop")
    assert not login.is_on()
    login.switch(True)
    assert "--hidden" in (tmp_path / "autostart" / "puna.desktop").read_text()
    login.switch(False)
    assert not login.is_on()
    login.switch(False)


def test_the_box_of_another_program_offers_no_client_mode(control, loop, qtbot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    box = ask_port(control, Address(), PortOwner(Kind.OTHER), 11435, parent)
    roles = [box.buttonRole(button) for button in box.buttons()]
    assert roles.count(QMessageBox.ButtonRole.AcceptRole) == 2
    box.reject()


def test_garbage_is_collected_by_the_thresholds_of_python() -> None:
    collect()
    for _ in range(2000):
        one: list[object] = []
        one.append(one)
    assert collect() >= 0


def test_what_outlives_the_first_full_collection_is_not_looked_at_again(qtbot: QtBot) -> None:
    thresholds = gc.get_threshold()
    parent = QObject()
    garbage = GarbageCollection(parent)
    try:
        gc.set_threshold(*thresholds[:2], 0)
        gc.collect(1)
        qtbot.waitUntil(lambda: gc.get_freeze_count() > 0)
    finally:
        gc.set_threshold(*thresholds)
        garbage.close()
    assert gc.get_freeze_count() == 0
    assert gc.isenabled()
