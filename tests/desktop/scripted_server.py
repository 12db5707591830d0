"""A small HTTP server that answers as it is told, for view-models to talk to."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]

SMALL = {
    "name": "smollm2:135m",
    "model": "smollm2:135m",
    "modified_at": "2026-11-24T10:00:00Z",
    "size": 98_000_000,
    "digest": "a" * 64,
    "details": {
        "family": "llama",
        "parameter_size": "134.52M",
        "quantization_level": "Q4_1",
        "context_length": 8192,
    },
    "capabilities": ["completion"],
}
LARGE = {
    "name": "gemma3:4b",
    "model": "gemma3:4b",
    "modified_at": "2026-11-20T10:00:00Z",
    "size": 3_300_000_000,
    "digest": "b" * 64,
    "details": {
        "family": "gemma3",
        "parameter_size": "4.3B",
        "quantization_level": "Q4_K_M",
        "context_length": 131072,
    },
    "capabilities": ["completion", "vision", "tools"],
}
SETTINGS: list[Json] = [
    {
        "name": "host",
        "env": "OLLAMA_HOST",
        "value": "127.0.0.1:11434",
        "default": "127.0.0.1:11434",
        "origin": "default",
        "applies": "restart",
        "locked": False,
        "help": "",
    },
    {
        "name": "keep_alive",
        "env": "OLLAMA_KEEP_ALIVE",
        "value": 600.0,
        "default": 300.0,
        "origin": "file",
        "applies": "live",
        "locked": False,
        "help": "",
    },
    {
        "name": "context_length",
        "env": "OLLAMA_CONTEXT_LENGTH",
        "value": 4096,
        "default": 0,
        "origin": "environment",
        "applies": "load",
        "locked": True,
        "help": "",
    },
    {
        "name": "origins",
        "env": "OLLAMA_ORIGINS",
        "value": "",
        "default": "",
        "origin": "default",
        "applies": "live",
        "locked": False,
        "help": "",
    },
]


HARDWARE: Json = {
    "build": "llama-cpp-python 0.3.36",
    "cores": 2,
    "memory": {"total": 16_000_000_000, "available": 12_000_000_000},
    "devices": [
        {
            "name": "Some CPU",
            "kind": "cpu",
            "total": 16_000_000_000,
            "free": 12_000_000_000,
            "used": 4_000_000_000,
        }
    ],
    "models": [],
}
LOADED = {
    "name": "smollm2:135m",
    "state": "ready",
    "load_progress": 1.0,
    "active": 1,
    "memory": 240_000_000,
    "memory_gpu": 0,
    "memory_estimated": 250_000_000,
    "context_length": 8192,
    "slots": 2,
    "layers": 30,
    "layers_gpu": 0,
    "kv_type": "f16",
    "threads": 2,
}


LEFTOVERS: Json = {"unused_files": 0, "unused_size": 0, "downloads": []}
ESTIMATE: Json = {
    "model": "new:1b",
    "size": 3_300_000_000,
    "missing": 3_300_000_000,
    "disk_free": 90_000_000_000,
    "fit": "cpu",
    "memory": 3_900_000_000,
    "memory_available": 9_000_000_000,
    "memory_capacity": 14_000_000_000,
    "context_length": 8192,
    "trained_context": 131072,
    "layers": 32,
    "layers_gpu": 0,
}

OFFER: Json = {
    "description": "Small",
    "parameter_size": "1B",
    "capabilities": ["completion", "tools"],
    "license": "MIT",
    "estimate": ESTIMATE,
}
LARGE_OFFER = {**OFFER, "estimate": {**ESTIMATE, "model": "new:70b", "fit": "too_big"}}


def answer(*words: str, thinking: str = "") -> list[Json]:
    """The lines of a whole chat answer."""
    lines: list[Json] = []
    if thinking:
        lines.append({"message": {"role": "assistant", "content": "", "thinking": thinking}})
    lines += [{"message": {"role": "assistant", "content": word}} for word in words]
    lines.append(
        {
            "message": {"role": "assistant", "content": ""},
            "done": True,
            "done_reason": "stop",
            "load_duration": 1_000_000,
            "prompt_eval_count": 12,
            "prompt_eval_duration": 50_000_000,
            "eval_count": len(words),
            "eval_duration": 100_000_000,
        }
    )
    return lines


@dataclass
class Script:
    """What the server says.

    Attributes:
        hold: a stream waits before the line that follows a ``"hold"`` entry until this is set.
        requests: what was asked: method, path and body.
        left: set when a client closed a stream before its end.
    """

    models: list[Json] = field(default_factory=lambda: [SMALL, LARGE])
    loaded: list[Json] = field(default_factory=list)
    chat: list[Json | str] = field(default_factory=lambda: list(answer("Hello", " there", ".")))
    pull: list[Json | str] = field(default_factory=list)
    create: list[Json | str] = field(default_factory=lambda: [{"status": "success"}])
    events: list[Json | str] = field(default_factory=list)
    settings: list[Json] = field(default_factory=lambda: [dict(row) for row in SETTINGS])
    hardware: Json = field(default_factory=lambda: {**HARDWARE})
    jobs: list[Json] = field(default_factory=list)
    catalogue: Json = field(default_factory=lambda: {"models": [OFFER, LARGE_OFFER]})
    leftovers: Json = field(default_factory=lambda: {**LEFTOVERS})
    estimate: Json = field(default_factory=lambda: {**ESTIMATE})
    errors: dict[str, tuple[int, str]] = field(default_factory=dict)
    show: Json = field(
        default_factory=lambda: {
            "modelfile": "# shown\nFROM /blobs/sha256-1\nSYSTEM Be kind.\n",
            "template": "{{ .Prompt }}",
            "details": SMALL["details"],
            "model_info": {"general.architecture": "llama", "llama.context_length": 8192},
            "capabilities": ["completion"],
        }
    )
    hold: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)
    requests: list[tuple[str, str, Json]] = field(default_factory=list)

    def asked(self, path: str) -> list[Json]:
        """Bodies of all requests of that path."""
        return [body for _, where, body in self.requests if where == path]


class ScriptedServer:
    """Runs a :class:`Script` on a free port of the loopback."""

    def __init__(self) -> None:
        self.script = Script()
        script = self.script
        self._connections: list[socket.socket] = []
        connections = self._connections

        class Handler(_Handler):
            told = script

            def setup(self) -> None:
                super().setup()
                connections.append(self.connection)

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    def close(self) -> None:
        """Stop; held streams end, and no connection that a client keeps is answered any more."""
        self.script.hold.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    told: Script
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("HEAD")

    def do_POST(self) -> None:
        self._answer("POST")

    def do_PUT(self) -> None:
        self._answer("PUT")

    def do_DELETE(self) -> None:
        self._answer("DELETE")

    def _answer(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        data = self.rfile.read(length)
        is_json = data[:1] == b"{"
        body: Json = json.loads(data) if is_json else {"bytes": length}
        path = self.path.partition("?")[0]
        script = self.told
        script.requests.append((method, path, body))
        if path in script.errors:
            status, text = script.errors[path]
            self._send(status, {"error": text})
            return
        streams = {
            "/api/chat": script.chat,
            "/api/pull": script.pull,
            "/api/create": script.create,
            "/api/events": script.events,
        }
        if path in streams and body.get("stream") is not False:
            self._stream(streams[path])
        else:
            self._send(*self._whole(method, path, body))

    def _whole(self, method: str, path: str, body: Json) -> tuple[int, Json]:
        script = self.told
        match method, path:
            case "GET", "/api/version":
                return 200, {"version": "1.0-test"}
            case "GET", "/api/tags":
                return 200, {"models": script.models}
            case "GET", "/api/ps":
                return 200, {"models": script.loaded}
            case "POST", "/api/show":
                return 200, script.show
            case "GET", "/api/hardware":
                return 200, script.hardware
            case "GET", "/api/jobs":
                return 200, {"jobs": script.jobs}
            case "GET", "/api/catalogue":
                return 200, script.catalogue
            case "GET", "/api/leftovers":
                return 200, script.leftovers
            case "DELETE", _ if path.startswith("/api/leftovers"):
                script.leftovers = {**LEFTOVERS}
                return 200, {}
            case "POST", "/api/estimate":
                return 200, script.estimate
            case "GET", "/api/settings":
                return 200, {"settings": script.settings}
            case "PUT", "/api/settings":
                return 200, self._save(body["changes"])
            case "DELETE", "/api/delete":
                script.models = [m for m in script.models if m["name"] != body["model"]]
                return 200, {}
            case "POST", "/api/copy":
                source = next(m for m in script.models if m["name"] == body["source"])
                script.models = [{**source, "name": body["destination"]}, *script.models]
                return 200, {}
            case "HEAD", _:
                return 404, {}
            case "POST", "/api/chat":
                return 200, {"message": {"role": "assistant", "content": "Because of scattering."}}
            case "POST", "/v1/chat/completions":
                return 200, {"choices": [{"message": {"content": "Because of scattering."}}]}
            case _:
                return 200, {}

    def _save(self, changes: Json) -> Json:
        restart = []
        for row in self.told.settings:
            if row["name"] in changes:
                value = changes[row["name"]]
                row["value"] = row["default"] if value is None else value
                row["origin"] = "default" if value is None else "file"
                if row["applies"] == "restart":
                    restart.append(row["name"])
        return {"applied": list(changes), "restart_required": restart, "locked": []}

    def _send(self, status: int, body: Json) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _stream(self, lines: Iterable[Json | str]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for line in list(lines):
                if isinstance(line, str):
                    self._hold()
                    continue
                self.wfile.write(json.dumps(line).encode() + b"\n")
                self.wfile.flush()
        except OSError:
            self.told.left.set()

    def _hold(self) -> None:
        """Wait for the test, and notice when the client leaves meanwhile."""
        self.connection.settimeout(0.02)
        while not self.told.hold.is_set():
            try:
                if not self.connection.recv(1):
                    raise ConnectionResetError
            except TimeoutError:
                continue
        self.connection.settimeout(None)
