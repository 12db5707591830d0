"""A server of ours on a free port, and a raw way to talk to it."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
from collections.abc import Callable, Iterator
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


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers; each has a folder of its own."""
    running: list[EmbeddedServer] = []

    def begin(folder: str = "one", **settings: str) -> Client:
        own = folders(str(tmp_path / folder))
        given = {"host": "127.0.0.1:0", "models": str(tmp_path / folder / "models"), **settings}
        server = EmbeddedServer(load(given, {}, own.settings_file), own)
        server.start()
        running.append(server)
        return Client(server)

    yield begin
    for server in running:
        server.stop()


@pytest.fixture
def serve(start: Start, smollm2: Path) -> Client:
    """A client of a server that has the model ``smol``."""
    client = start()
    files = {"smol.gguf": client.upload(smollm2.read_bytes())}
    body = {"model": "smol", "files": files, "stream": False}
    assert client("POST", "/api/create", body).json == {"status": "success"}
    return client
