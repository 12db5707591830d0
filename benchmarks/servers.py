"""Starts and stops the servers that are compared."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.quiet import raise_priority
from benchmarks.streams import Dialect, LlamaServer, Native

START_LIMIT = 180.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(slots=True)
class Server:
    """One running server.

    Attributes:
        ready: s from the start of the process to its first good answer.
    """

    name: str
    port: int
    dialect: Dialect
    model: str
    process: subprocess.Popen[bytes]
    ready: float = 0.0
    log: IO[bytes] | None = field(default=None, repr=False)

    def pids(self) -> list[int]:
        """The server and what it started."""
        try:
            root = psutil.Process(self.process.pid)
            return [root.pid, *(child.pid for child in root.children(recursive=True))]
        except psutil.NoSuchProcess:
            return []

    def memory(self) -> int:
        """Resident bytes of all its processes, shared pages counted by their share."""
        total = 0
        for pid in self.pids():
            with contextlib.suppress(psutil.Error):
                total += psutil.Process(pid).memory_full_info().pss
        return total

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """One JSON request; returns the decoded answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_LIMIT)
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        connection.request(method, path, data)
        answer = connection.getresponse()
        text = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{self.name} {path}: {answer.status} {text[:300]!r}")
        return json.loads(text) if text else None

    def stop(self) -> None:
        """End it with all its children."""
        left = self.pids()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()
        if self.log is not None:
            self.log.close()


def _start(
    name: str,
    command: list[str],
    port: int,
    dialect: Dialect,
    ready: str,
    environment: Mapping[str, str],
    log: Path,
) -> Server:
    output = log.open("ab")
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=output,
        stderr=output,
        start_new_session=True,
    )
    raise_priority(process.pid)
    server = Server(name, port, dialect, "m", process, log=output)
    while time.perf_counter() - began < START_LIMIT:
        if answers(port, ready):
            server.ready = time.perf_counter() - began
            return server
        if process.poll() is not None:
            break
        time.sleep(0.005)
    server.stop()
    raise RuntimeError(f"{name} did not start; see {log}")


def answers(port: int, path: str) -> bool:
    """Whether a server there answers with 200."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def llama_server(binary: Path, model: Path, folder: Path, *, context: int, slots: int) -> Server:
    """llama-server with the settings of the comparison."""
    port = free_port()
    command = [str(binary), "-m", str(model), "--host", "127.0.0.1", "--port", str(port)]
    command += ["-c", str(context), "-np", str(slots), "-kvu", "-t", str(_cores())]
    command += ["-b", "2048", "-ub", "512", "-fa", "auto", "--offline", "-ngl", "0"]
    return _start("llama-server", command, port, LlamaServer(), "/health", {}, folder / "llama.log")


def puna(model: Path, folder: Path, *, context: int, slots: int, name: str = "puna") -> Server:
    """Our server with ``model`` imported into a store of its own."""
    environment = {
        "OLLAMA_NUM_PARALLEL": str(slots),
        "OLLAMA_CONTEXT_LENGTH": str(context // slots),
    }
    server = empty_puna(folder, name=name, environment=environment)
    _import(server, model)
    return server


def empty_puna(
    folder: Path, *, name: str = "puna", environment: Mapping[str, str] | None = None
) -> Server:
    """Our server with home and store in ``folder``, which may be used already."""
    port = free_port()
    variables = {
        "HOME": str(folder / "home"),
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(folder / "models"),
        **(environment or {}),
    }
    (folder / "home").mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "puna", "serve"]
    return _start(name, command, port, Native(), "/", variables, folder / "puna.log")


def ollama(binary: Path, model: Path, folder: Path, *, context: int, slots: int) -> Server:
    """A real Ollama; ``slots`` is its OLLAMA_NUM_PARALLEL."""
    port = free_port()
    environment = {
        "HOME": str(folder / "ollama-home"),
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(folder / "ollama-models"),
        "OLLAMA_NUM_PARALLEL": str(slots),
        "OLLAMA_CONTEXT_LENGTH": str(context),
        "OLLAMA_NO_CLOUD": "1",
    }
    (folder / "ollama-home").mkdir(parents=True, exist_ok=True)
    name = f"ollama ({slots})"
    command = [str(binary), "serve"]
    server = _start(name, command, port, Native(), "/", environment, folder / "ollama.log")
    _import(server, model)
    return server


def _import(server: Server, model: Path) -> None:
    digest = "sha256:" + hashlib.sha256(model.read_bytes()).hexdigest()
    server.call("POST", f"/api/blobs/{digest}", model.read_bytes())
    body = {"model": server.model, "files": {"model.gguf": digest}, "stream": False}
    server.call("POST", "/api/create", body)


def _cores() -> int:
    return psutil.cpu_count(logical=False) or os.cpu_count() or 1
