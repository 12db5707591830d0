"""A real HTTP server on a free port that answers what a test tells it to."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest


@dataclass
class Reply:
    """One answer. ``chunks`` are sent one by one; ``broken`` drops the connection after them."""

    status: int = 200
    chunks: Iterable[bytes] = ()
    headers: dict[str, str] = field(default_factory=dict)
    broken: bool = False


@dataclass(frozen=True)
class Seen:
    """One request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Answer = Reply | Callable[[Seen], Reply]


class _Server(ThreadingHTTPServer):
    """A server that takes it calmly when a client leaves between two requests."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class ScriptedServer:
    """Answers by method and path; several answers for one route are used up in order.

    ``dropped`` is set when a client leaves before an answer is finished.
    """

    def __init__(self) -> None:
        self.requests: list[Seen] = []
        self.dropped = threading.Event()
        self._answers: dict[tuple[str, str], list[Answer]] = {("HEAD", "/"): [Reply()]}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                outer._serve(self)

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer  # noqa: N815

            def log_message(self, format: str, *args: Any) -> None:
                """Keep the output of the tests clean."""

        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def on(self, method: str, path: str, *answers: Answer) -> None:
        self._answers[(method, path)] = list(answers)

    def on_json(self, method: str, path: str, value: Any, status: int = 200) -> None:
        self.on(method, path, Reply(status, [json.dumps(value).encode()]))

    def on_lines(self, method: str, path: str, *lines: Any) -> None:
        self.on(method, path, Reply(chunks=[json.dumps(line).encode() + b"\n" for line in lines]))

    def seen(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.requests if (seen.method, seen.path) == (method, path)]

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        length = int(handler.headers.get("Content-Length") or 0)
        seen = Seen(
            handler.command, handler.path, dict(handler.headers), handler.rfile.read(length)
        )
        self.requests.append(seen)
        answers = self._answers.get((seen.method, seen.path))
        if not answers:
            missing = json.dumps({"error": f"no answer for {seen.method} {seen.path}"})
            self._send(handler, Reply(404, [missing.encode()]))
            return
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        self._send(handler, answer if isinstance(answer, Reply) else answer(seen))

    def _send(self, handler: BaseHTTPRequestHandler, reply: Reply) -> None:
        handler.send_response(reply.status)
        for name, value in reply.headers.items():
            handler.send_header(name, value)
        if handler.command == "HEAD":
            handler.end_headers()
            return
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            for chunk in reply.chunks:
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                handler.wfile.flush()
            if reply.broken:
                handler.close_connection = True
                return
            handler.wfile.write(b"0\r\n\r\n")
        except (BrokenPipeError, ConnectionResetError):
            self.dropped.set()
            handler.close_connection = True


@pytest.fixture
def scripted() -> Iterator[ScriptedServer]:
    """A running `ScriptedServer`."""
    server = ScriptedServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def reply() -> type[Reply]:
    """The class of a server's answers."""
    return Reply
