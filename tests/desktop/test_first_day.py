"""A first day with the program: pull, a model of one's own, chat, and a web page that asks."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QPushButton

from puna.client.creation import create_from_modelfile
from puna.gui.chat.records import State
from puna.gui.origin_banner import OriginBanner
from puna.modelfile import parse

PAGE = "https://page.example"
PERSONA = """FROM {name}
SYSTEM 你是一位友好的高原向导，回答简短。
PARAMETER num_predict 24
PARAMETER temperature 0
"""
REGISTRY = """
version: 0.1
log: {{level: error}}
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(shutil.which("docker-registry") is None, reason="needs docker-registry"),
]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def registry(tmp_path: Path, qtbot) -> Iterator[str]:
    port, config = free_port(), tmp_path / "registry.yml"
    config.write_text(REGISTRY.format(data=tmp_path / "registry", port=port))
    process = subprocess.Popen(["docker-registry", "serve", str(config)], stderr=subprocess.DEVNULL)
    with httpx2.Client(trust_env=False) as http:
        qtbot.waitUntil(lambda: answers(http, f"http://127.0.0.1:{port}/v2/"), timeout=20_000)
    yield f"127.0.0.1:{port}"
    process.send_signal(signal.SIGKILL)
    process.wait()


def answers(http: httpx2.Client, url: str) -> bool:
    try:
        return http.get(url).status_code == 200
    except httpx2.TransportError:
        return False


async def publish(client, file: Path, name: str) -> None:
    """Put the model into the registry, and take it away here."""
    modelfile = parse(f"FROM {file}\n")
    async for _ in create_from_modelfile(client, name, modelfile, file.parent):
        pass
    async for _ in client.push(name, insecure=True):
        pass
    await client.delete(name)


def drop(window, file: Path) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(file))])
    window.dropEvent(
        QDropEvent(
            QPointF(200, 200),
            Qt.DropAction.CopyAction,
            mime,
            Qt.MouseButton.LeftButton,
            Qt.KeyboardModifier.NoModifier,
        )
    )


async def status_for_page(url: str) -> int:
    async with httpx2.AsyncClient(trust_env=False) as http:
        return (await http.get(f"{url}/api/version", headers={"Origin": PAGE})).status_code


def test_from_an_empty_folder_to_a_page_that_may_ask(
    application, registry: str, smollm2: Path, wait, run, loop, tmp_path: Path
) -> None:
    workspace, window = application._workspace, application._window
    name = f"{registry}/team/small:1"
    seeding = loop.create_task(publish(application._session.client, smollm2, name))
    wait(seeding.done)
    seeding.result()

    assert workspace.library.pull(f"http://{name}")
    wait(lambda: not workspace.pulls.items or workspace.pulls.items[0].error)
    wait(lambda: workspace.session.model(name))

    modelfile = tmp_path / "guide.Modelfile"
    modelfile.write_text(PERSONA.format(name=name), encoding="utf-8")
    drop(window, modelfile)
    assert workspace.create.name == "guide"
    window.create_page._create.click()
    wait(lambda: workspace.session.model("guide:latest"))
    wait(lambda: not workspace.create.is_busy)
    window.create_page._chat.click()
    workspace.chat.send("你好！")
    wait(lambda: not workspace.chat.is_busy)
    answer = workspace.chat.messages[-1]
    assert answer.state is State.DONE, answer.error
    assert answer.content

    url = workspace.session.url
    assert run(status_for_page(url)) == 403
    wait(lambda: workspace.origins.asking)
    banner = window.findChild(OriginBanner)
    assert banner.isVisible()
    banner.findChildren(QPushButton)[0].click()
    wait(lambda: not banner.isVisible())
    assert run(status_for_page(url)) == 200
