"""The whole tray program with the real server and a real model."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.integration.registry.conftest import Answer, Registry, Request
from tests.unit.conftest import build_gguf, tiny_metadata

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


@pytest.fixture
def registry() -> Iterator[Registry]:
    """A registry with a model, in a thread of its own."""
    loop, registry = asyncio.new_event_loop(), Registry()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(registry.start(), loop).result()
    registry.add(weights=build_gguf(tiny_metadata(), [("token_embd.weight", (1024, 1024))]))
    yield registry
    asyncio.run_coroutine_threadsafe(registry.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def _stalled(_: Request, answer: Answer) -> Answer:
    """Large answers stop after 3 MB."""
    if len(answer.body) > 3_000_000:
        answer.promised, answer.then = len(answer.body), "stall"
        answer.body = answer.body[:3_000_000]
    return answer


def test_a_pull_tells_what_it_takes_and_what_it_left_is_gone_on_with(
    application, registry: Registry, wait
) -> None:
    workspace = application._workspace
    workspace.library.watch(True)
    registry.fault("GET .*/blobs/", _stalled)
    name = f"http://{registry.name().full}"
    assert workspace.library.pull(name)
    (pull,) = workspace.pulls.items
    wait(lambda: pull.progress.done >= 3_000_000 or pull.error)
    assert pull.outlook.words().startswith("4.2 MB  ·  fits into memory  ·  window of 256")

    workspace.pulls.cancel(name)
    wait(lambda: workspace.library.leftovers.downloads)
    (left,) = workspace.library.leftovers.downloads
    assert left.model == name
    assert left.completed >= 3_000_000

    registry.rules.clear()
    registry.wire.clear()
    workspace.library.leftovers.resume(left)
    wait(lambda: workspace.session.models)
    assert [model.name for model in workspace.session.models] == [registry.name().full]
    (rest,) = [one for one in registry.asked("GET .*/blobs/") if one.headers["range"][6] == "3"]
    assert rest.headers["range"].startswith("bytes=3")
    wait(lambda: not workspace.library.leftovers.downloads)


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
