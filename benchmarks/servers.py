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
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.quiet import raise_priority
from benchmarks.streams import Dialect, LlamaServer, Native

START_LIMIT = 180.0
UNLOAD_LIMIT = 30.0
MODEL = "m"

SPARE_READY = 2.5
"""Seconds after which a server that keeps a process ready for the next model has it."""


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class Server:
    """One server that can be started, asked and stopped.

    Args:
        ready: path that answers 200 when it can serve.
        log: where its output goes.

    Attributes:
        started_in: s from the last start of the process to its first good answer.
    """

    embed_path = "/api/embed"

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        port: int,
        dialect: Dialect,
        *,
        ready: str = "/",
        environment: Mapping[str, str] | None = None,
        log: Path,
    ) -> None:
        self.name = name
        self.port = port
        self.dialect = dialect
        self.model = MODEL
        self._command = list(command)
        self._ready = ready
        self._environment = environment or {}
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.started_in = 0.0

    def start(self) -> None:
        """Start the process and wait until it serves; nothing when it runs already.

        Raises:
            RuntimeError: it ended, or took too long.
        """
        if self._process is not None:
            return
        began = time.perf_counter()
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                env={**os.environ, **self._environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        raise_priority(self._process.pid)
        while time.perf_counter() - began < START_LIMIT:
            if answers(self.port, self._ready):
                self.started_in = time.perf_counter() - began
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.002)
        self.stop()
        raise RuntimeError(f"{self.name} did not start; see {self._log}")

    def stop(self) -> None:
        """End it with all its children."""
        if self._process is None:
            return
        left = self.pids()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._process = None

    def unload(self) -> None:
        """Take the model out of memory, and wait until that is done."""
        self.call("POST", "/api/generate", {"model": self.model, "keep_alive": 0})
        began = time.perf_counter()
        while self.call("GET", "/api/ps")["models"]:
            if time.perf_counter() - began > UNLOAD_LIMIT:
                raise RuntimeError(f"{self.name} does not unload")
            time.sleep(0.02)
        time.sleep(SPARE_READY)

    def pids(self) -> list[int]:
        """The server and what it started."""
        if self._process is None:
            return []
        try:
            root = psutil.Process(self._process.pid)
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

    def front_threads(self) -> dict[int, float]:
        """CPU seconds of each thread that may belong to the HTTP layer, by thread id."""
        assert self._process is not None
        return thread_seconds(self._process.pid)

    def front_seconds(self, before: Mapping[int, float]) -> float:
        """What the HTTP layer used since ``before``, a result of :meth:`front_threads`."""
        return sum(_used(self.front_threads(), before))

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


class LlamaProcess(Server):
    """llama-server: one process for one model, so unloading means ending it."""

    embed_path = "/v1/embeddings"

    def unload(self) -> None:
        """End the process."""
        self.stop()

    def front_seconds(self, before: Mapping[int, float]) -> float:
        """All threads but those that compute, which are the busiest ones."""
        return sum(sorted(_used(self.front_threads(), before))[: -_cores()])


def thread_seconds(pid: int) -> dict[int, float]:
    """CPU seconds of each thread of a process, by thread id."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            found[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
    return found


def _used(now: Mapping[int, float], before: Mapping[int, float]) -> list[float]:
    return [seconds - before.get(thread, 0.0) for thread, seconds in now.items()]


def answers(port: int, path: str) -> bool:
    """Whether a server there answers with 200."""
    try:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def llama_server(
    binary: Path, model: Path, folder: Path, *, context: int, slots: int, embedding: bool
) -> Server:
    """llama-server with the settings of the comparison."""
    port = free_port()
    command = [str(binary), "-m", str(model), "--host", "127.0.0.1", "--port", str(port)]
    command += ["-c", str(context), "-np", str(slots), "-kvu", "-t", str(_cores())]
    command += ["-b", "2048", "-fa", "auto", "--offline", "-ngl", "0"]
    command += ["--embedding", "-ub", "2048"] if embedding else ["-ub", "512"]
    log = folder / "llama.log"
    server = LlamaProcess("llama-server", command, port, LlamaServer(), ready="/health", log=log)
    server.start()
    return server


def puna(model: Path, folder: Path, *, context: int, slots: int, name: str = "puna") -> Server:
    """Our server with ``model`` imported into a store of its own."""
    environment = {
        "OLLAMA_NUM_PARALLEL": str(slots),
        "OLLAMA_CONTEXT_LENGTH": str(context // slots),
    }
    server = empty_puna(folder / name, name=name, environment=environment)
    _import(server, model)
    return server


def empty_puna(
    folder: Path, *, name: str = "puna", environment: Mapping[str, str] | None = None
) -> Server:
    """Our server with home and store in ``folder``, which may be used already."""
    return _native(name, [sys.executable, "-m", "puna", "serve"], folder, environment or {})


def ollama(binary: Path, model: Path, folder: Path, *, context: int, slots: int) -> Server:
    """A real Ollama; ``slots`` is its OLLAMA_NUM_PARALLEL."""
    name = f"ollama ({slots})"
    environment = {
        "OLLAMA_NUM_PARALLEL": str(slots),
        "OLLAMA_CONTEXT_LENGTH": str(context),
        "OLLAMA_NO_CLOUD": "1",
    }
    server = _native(name, [str(binary), "serve"], folder / name, environment)
    _import(server, model)
    return server


def _native(
    name: str, command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Server:
    port = free_port()
    variables = {
        "HOME": str(folder / "home"),
        "OLLAMA_HOST": f"127.0.0.1:{port}",
        "OLLAMA_MODELS": str(folder / "models"),
        **environment,
    }
    (folder / "home").mkdir(parents=True, exist_ok=True)
    server = Server(name, command, port, Native(), environment=variables, log=folder / "log")
    server.start()
    return server


def _import(server: Server, model: Path) -> None:
    digest = "sha256:" + hashlib.sha256(model.read_bytes()).hexdigest()
    server.call("POST", f"/api/blobs/{digest}", model.read_bytes())
    body = {"model": server.model, "files": {"model.gguf": digest}, "stream": False}
    server.call("POST", "/api/create", body)


def _cores() -> int:
    return psutil.cpu_count(logical=False) or os.cpu_count() or 1
