"""A registry in the test process that answers exactly as a test wants it to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from puna.config.settings import Settings
from puna.names import ModelName
from puna.registry.retry import RetryPolicy
from puna.services.broadcast import TransferStatus
from puna.services.transfers import Logins, Transfers
from puna.store.store import Store

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
LAYER = "application/vnd.ollama.image."
CONFIG = {"model_format": "gguf", "model_family": "llama", "model_families": ["llama"]}


def digest_of(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass(frozen=True)
class Request:
    at: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass
class Answer:
    """``promised`` is a Content-Length other than the true one, -1 for none at all."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    promised: int | None = None
    then: str = "go on"  # or "close", "stall"


@dataclass
class Rule:
    """A change to the answers of requests that match, ``times`` times."""

    match: str
    change: Callable[[Request, Answer], Answer]
    times: float = float("inf")
    hits: int = 0


class Registry:
    """Two listeners: the registry on ``localhost`` and, for redirects, ``127.0.0.1``."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.uploads: dict[str, bytearray] = {}
        self.rules: list[Rule] = []
        self.wire: list[Request] = []
        self.redirect = 0
        self.answer: Callable[[Request], Answer] = self.serve
        self._servers: list[asyncio.Server] = []
        self._connections: set[asyncio.StreamWriter] = set()

    async def start(self) -> None:
        for at in ("registry", "cdn"):
            server = await asyncio.start_server(
                lambda r, w, at=at: self._talk(at, r, w), "127.0.0.1", 0
            )
            self._servers.append(server)
        self.port, self.cdn_port = (server.sockets[0].getsockname()[1] for server in self._servers)
        self.host, self.cdn = f"localhost:{self.port}", f"http://127.0.0.1:{self.cdn_port}"

    async def stop(self) -> None:
        for server in self._servers:
            server.close()
        for writer in list(self._connections):
            writer.transport.abort()
        await asyncio.sleep(0)

    def name(self, path: str = "t/ok:v1") -> ModelName:
        return ModelName.checked(f"{self.host}/{path}")

    def add(
        self,
        path: str = "t/ok:v1",
        weights: bytes = b"GGUF" + bytes(range(256)) * 2000,
        **extra: Any,
    ) -> dict[str, Any]:
        """Add a model; ``extra`` are text layers and ``config``."""
        config = json.dumps(extra.pop("config", CONFIG)).encode()
        layers = [("model", weights), *((kind, text.encode()) for kind, text in extra.items())]
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob("application/vnd.docker.container.image.v1+json", config),
            "layers": [self.blob(LAYER + kind, data) for kind, data in layers],
        }
        self.manifests[path] = json.dumps(manifest).encode()
        return manifest

    def blob(self, media_type: str, data: bytes) -> dict[str, Any]:
        self.blobs[digest_of(data)] = data
        return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}

    def fault(
        self, match: str, change: Callable[[Request, Answer], Answer], times: float = float("inf")
    ) -> Rule:
        self.rules.append(Rule(match, change, times))
        return self.rules[-1]

    def asked(self, match: str) -> list[Request]:
        return [request for request in self.wire if re.search(match, str(request))]

    def serve(self, request: Request) -> Answer:
        path = urlsplit(request.path).path
        if found := re.fullmatch(r"/v2/(.+)/manifests/(.+)", path):
            return self._manifest(request, f"{found[1]}:{found[2]}")
        if found := re.fullmatch(r"/v2/.+/blobs/uploads/(\d*)", path):
            return self._upload(request, found[1])
        if found := re.fullmatch(r"/v2/.+/blobs/(.+)", path):
            return self._blob(request, found[1])
        return Answer(404)

    def _manifest(self, request: Request, name: str) -> Answer:
        if request.method == "PUT":
            self.manifests[name] = request.body
            return Answer(201)
        if name not in self.manifests:
            return Answer(404, body=b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')
        return Answer(200, {"Content-Type": MANIFEST}, self.manifests[name])

    def _blob(self, request: Request, digest: str) -> Answer:
        data = self.blobs.get(digest)
        if data is None:
            return Answer(404)
        if self.redirect and request.at == "registry" and request.method == "GET":
            return Answer(self.redirect, {"Location": f"{self.cdn}{request.path}?sig=abc"})
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers.get("range", ""))
        if asked is None:
            return Answer(200, {}, data)
        first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
        if first > last:
            return Answer(416, {"Content-Range": f"bytes */{len(data)}"})
        return Answer(
            206, {"Content-Range": f"bytes {first}-{last}/{len(data)}"}, data[first : last + 1]
        )

    def _upload(self, request: Request, number: str) -> Answer:
        base = request.path.partition("/blobs/uploads/")[0] + "/blobs/uploads/"
        query = parse_qs(urlsplit(request.path).query)
        if request.method == "POST":
            number = str(len(self.uploads) + 1)
            self.uploads[number] = bytearray()
            return Answer(202, {"Location": f"{base}{number}?_state=a%3D"})
        if request.method == "PATCH":
            first = int(request.headers["content-range"].partition("-")[0])
            if first != len(self.uploads[number]):
                return Answer(416, {"Range": f"0-{len(self.uploads[number]) - 1}"})
            self.uploads[number] += request.body
            return Answer(202, {"Location": f"{base}{number}?_state=b%3D"})
        if request.method == "GET":
            return Answer(
                204,
                {
                    "Range": f"0-{len(self.uploads[number]) - 1}",
                    "Location": f"{base}{number}?_state=c",
                },
            )
        data = bytes(self.uploads[number])
        if digest_of(data) != query["digest"][0]:
            return Answer(400, body=b'{"errors":[{"code":"DIGEST_INVALID"}]}')
        self.blobs[digest_of(data)] = data
        return Answer(201)

    async def _talk(
        self, at: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._connections.add(writer)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while await self._one(at, reader, writer):
                pass
        self._connections.discard(writer)
        writer.close()

    async def _one(
        self, at: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        first = await reader.readexactly(1)
        if first == b"\x16":  # a TLS handshake
            writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            return False
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ", 2)
        headers = {
            key.lower(): value.strip()
            for key, _, value in (line.partition(":") for line in head[1:] if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Request(at, method, path, headers, body)
        self.wire.append(request)
        answer = self.answer(request)
        for rule in self.rules:
            if rule.hits < rule.times and re.search(rule.match, f"{at} {request}"):
                rule.hits += 1
                answer = rule.change(request, answer)
        return await self._send(writer, request, answer)

    async def _send(self, writer: asyncio.StreamWriter, request: Request, answer: Answer) -> bool:
        length = len(answer.body) if answer.promised is None else answer.promised
        headers = {} if length < 0 else {"Content-Length": str(length)}
        lines = "".join(
            f"{key}: {value}\r\n" for key, value in {**headers, **answer.headers}.items()
        )
        writer.write(f"HTTP/1.1 {answer.status} X\r\n{lines}\r\n".encode())
        if request.method != "HEAD":
            writer.write(answer.body)
        await writer.drain()
        if answer.then == "stall":
            await writer.wait_closed()
        return answer.then == "go on" and length >= 0


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    server = Registry()
    await server.start()
    yield server
    await server.stop()


@dataclass
class Puller:
    """Transfers into a store of their own, without waiting between tries."""

    store: Store
    transfers: Transfers
    waits: list[float]
    home: Path
    pulled: asyncio.Event

    async def pull(self, name: ModelName, *, insecure: bool = True) -> list[TransferStatus]:
        return [line async for line in self.transfers.pull(name, insecure=insecure)]

    async def push(self, name: ModelName, *, insecure: bool = True) -> list[TransferStatus]:
        return [line async for line in self.transfers.push(name, insecure=insecure)]

    def files(self) -> set[str]:
        return {path.name for path in self.store.blobs.folder.iterdir()}

    def holds_only_whole_blobs(self) -> bool:
        """Whether no finished name holds other bytes than it says."""
        blobs = [
            path
            for path in self.store.blobs.folder.iterdir()
            if re.fullmatch("sha256-[0-9a-f]{64}", path.name)
        ]
        return all(path.name == digest_of(path.read_bytes()).replace(":", "-") for path in blobs)


@pytest.fixture
async def puller(tmp_path: Path) -> AsyncIterator[Puller]:
    async for one in make_puller(tmp_path):
        yield one


async def make_puller(folder: Path, settings: Settings | None = None) -> AsyncIterator[Puller]:
    store = Store(folder / "models", state_folder=folder / "state")
    folder.joinpath("state").mkdir()
    store.open()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    pulled = asyncio.Event()
    transfers = Transfers(
        store,
        lambda: settings or Settings(),
        on_pulled=pulled.set,
        logins=Logins(folder / "key", folder / "docker.json"),
        retry=RetryPolicy(sleep=sleep),
    )
    yield Puller(store, transfers, waits, folder, pulled)
    await transfers.aclose()
    store.close()
