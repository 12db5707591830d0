"""A server of ours on a free port, and a raw way to talk to it."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from puna.config.paths import folders
from puna.config.sources import load
from puna.server.embedded import EmbeddedServer


@dataclass(frozen=True)
class Reply:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Sends requests exactly as given."""

    def __init__(self, server: EmbeddedServer) -> None:
        self.server = server
        self.port = server.address.port

    def __call__(
        self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> Reply:
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, data, headers or {})
            answer = connection.getresponse()
            found = {key.lower(): value for key, value in answer.getheaders()}
            return Reply(answer.status, found, answer.read())
        finally:
            connection.close()

    def upload(self, data: bytes) -> str:
        """Store a blob; its digest."""
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        assert self("POST", f"/api/blobs/{digest}", data).status in (200, 201)
        return digest

    def raw(self, data: bytes) -> bytes:
        """Everything the server says until it closes the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            connection.sendall(data)
            received = b""
            while chunk := connection.recv(65536):
                received += chunk
            return received


Start = Callable[..., Client]


@contextmanager
def _starting(folder: Path) -> Iterator[Start]:
    """Starts servers in folders of their own below ``folder``; all end with the context."""
    with ExitStack() as stack:

        def begin(name: str = "one", **settings: str) -> Client:
            own = folders(str(folder / name))
            given = {"host": "127.0.0.1:0", "models": str(folder / name / "models"), **settings}
            server = EmbeddedServer(load(given, {}, own.settings_file), own)
            server.start()
            stack.callback(server.stop)
            return Client(server)

        yield begin


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers; each has a folder of its own."""
    with _starting(tmp_path) as begin:
        yield begin


@pytest.fixture(scope="session")
def smol_models(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the model ``smol``, to be copied."""
    folder = tmp_path_factory.mktemp("smol")
    with _starting(folder) as begin:
        client = begin()
        files = {"smol.gguf": client.upload(smollm2.read_bytes())}
        body = {"model": "smol", "files": files, "stream": False}
        assert client("POST", "/api/create", body).json == {"status": "success"}
    return folder / "one" / "models"


def _serving(begin: Start, folder: Path, models: Path) -> Client:
    own = folder / "smol" / "models"
    shutil.copytree(models, own, copy_function=os.link, ignore=shutil.ignore_patterns(".puna.lock"))
    return begin("smol")


@pytest.fixture(scope="module")
def serve(smol_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A client of a server that has the model ``smol``, for all tests of a file."""
    folder = tmp_path_factory.mktemp("serve")
    with _starting(folder) as begin:
        yield _serving(begin, folder, smol_models)


@pytest.fixture
def serve_once(start: Start, tmp_path: Path, smol_models: Path) -> Client:
    """As ``serve``, for one test."""
    return _serving(start, tmp_path, smol_models)
