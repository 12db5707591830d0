"""The whole tray program with the real server and a real model."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import psutil
import pytest

from puna.gui.chat.records import State
from puna.gui.server_state import ServerState


@pytest.mark.model
def test_a_dropped_file_becomes_a_model_that_answers_and_all_ends_in_order(
    application, smollm2: Path, wait
) -> None:
    workspace = application._workspace
    application._raised([smollm2])
    assert workspace.create.name == "smollm2-135m-instruct:q4_1"
    application._window.create_page._create.click()
    wait(lambda: workspace.session.models)
    wait(lambda: not workspace.create.is_busy)

    application._window.create_page._chat.click()
    workspace.chat.set_system("Answer in one short sentence.")
    workspace.chat.send("Say hello.")
    wait(lambda: not workspace.chat.is_busy)
    answer = workspace.chat.messages[-1]
    assert answer.state is State.DONE, answer.error
    assert answer.content
    assert answer.stats.tokens > 0

    workspace.chat.send("Count from one to five hundred, with words.")
    wait(lambda: workspace.chat.messages[-1].content)
    workspace.chat.stop()
    wait(lambda: not workspace.chat.is_busy)
    assert workspace.chat.messages[-1].state is State.STOPPED

    wait(lambda: workspace.session.loaded)
    workspace.library.unload_all()
    wait(lambda: not workspace.session.loaded)


def test_a_setting_is_applied_through_a_restart(application, wait) -> None:
    workspace = application._workspace
    wait(lambda: workspace.settings.rows)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    faults = []
    workspace.settings.failed.connect(faults.append)
    workspace.settings.stage("host", f"127.0.0.1:{port}")
    workspace.settings.apply()
    wait(lambda: faults or workspace.session.url.endswith(f":{port}"))
    assert faults == []
    wait(lambda: workspace.server.state is ServerState.RUNNING)
    wait(lambda: workspace.session.is_connected)
    wait(lambda: workspace.settings.rows["host"].value == f"127.0.0.1:{port}")


def test_nothing_is_left_behind(application, wait, loop) -> None:
    port = int(application._session.url.rpartition(":")[2])
    application.quit()
    wait(lambda: len(asyncio.all_tasks(loop)) == 0)
    assert [child for child in psutil.Process().children(True) if "runner" in child.cmdline()] == []
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0
