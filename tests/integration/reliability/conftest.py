"""``puna serve`` as a process of its own, with a model that loads in an instant."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import psutil
import pytest

_LETTERS = [chr(97 + index) for index in range(26)]
_TOKENS = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *_LETTERS]
_WIDTH = 288


def endless_model(path: Path) -> None:
    """A llama whose answer to anything is the alphabet, over and over."""
    count = len(_TOKENS)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(4096)
    writer.add_embedding_length(_WIDTH)
    writer.add_feed_forward_length(32)
    writer.add_head_count(4)
    writer.add_head_count_kv(4)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(_WIDTH // 4)
    writer.add_tokenizer_model("llama")
    writer.add_token_list(_TOKENS)
    writer.add_token_scores([0.0] * count)
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * 26)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")
    one_hot = np.eye(count, _WIDTH, dtype=np.float32)
    successor = np.zeros((count, _WIDTH), dtype=np.float32)
    first = count - len(_LETTERS)
    for token in range(count):
        following = first + (token - first + 1) % 26 if token >= first else first
        successor[following, token] = 100.0
    zeros = {"attn_q": _WIDTH, "attn_k": _WIDTH, "attn_v": _WIDTH, "attn_output": _WIDTH}
    for name, rows in {**zeros, "ffn_gate": 32, "ffn_up": 32}.items():
        writer.add_tensor(f"blk.0.{name}.weight", np.zeros((rows, _WIDTH), dtype=np.float32))
    writer.add_tensor("blk.0.ffn_down.weight", np.zeros((_WIDTH, 32), dtype=np.float32))
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(f"{name}.weight", np.ones(_WIDTH, dtype=np.float32))
    writer.add_tensor("token_embd.weight", one_hot)
    writer.add_tensor("output.weight", successor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Answer:
    """A stream that has begun: its status, and its lines as they come."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self._connection = connection
        self._response = connection.getresponse()
        self.status = self._response.status

    def line(self) -> dict[str, Any]:
        """The next line; empty at the end."""
        data = self._response.readline()
        return dict(json.loads(data)) if data else {}

    def rest(self) -> list[dict[str, Any]]:
        """All lines that are still to come."""
        return [dict(json.loads(data)) for data in self._response.read().splitlines()]

    def leave(self) -> None:
        """Close the connection, whatever is still to come."""
        self._connection.close()


class Server:
    """``puna serve`` on a free port, with folders of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self._environment = {
            **os.environ,
            "OLLAMA_HOST": "127.0.0.1:0",
            "OLLAMA_MODELS": str(folder / "models"),
            "PUNA_HOME": str(folder / "home"),
            **settings,
        }
        self.models = folder / "models"
        self.log = folder / "log"
        self.start()

    def start(self) -> None:
        """Start it, again if need be; returns when it listens."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "puna", "serve"],
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self.process.stdout is not None
        found = re.search(r":(\d+) ", self.process.stdout.readline())
        assert found, self.log.read_text()
        self.port = int(found[1])

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def open(self, path: str, body: Any) -> Answer:
        """Begin a request whose answer is a stream."""
        connection = self.connection()
        connection.request("POST", path, json.dumps(body))
        return Answer(connection)

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request; status and JSON of the answer."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body)
        connection = self.connection()
        connection.request(method, path, data)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, json.loads(content) if content else None

    def create(self, name: str, file: Path, **fields: Any) -> None:
        """Upload a file and make a model of it."""
        data = file.read_bytes()
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        assert self.ask("POST", f"/api/blobs/{digest}", data)[0] in (200, 201)
        body = {"model": name, "files": {file.name: digest}, "stream": False, **fields}
        assert self.ask("POST", "/api/create", body) == (200, {"status": "success"})

    def story(self, tokens: int, **fields: Any) -> Answer:
        """Begin an answer of so many tokens."""
        return self.open("/api/generate", {**self.request(tokens), **fields})

    def request(self, tokens: int) -> dict[str, Any]:
        return {"model": "alphabet", "prompt": "q", "options": {"num_predict": tokens}}

    def runners(self) -> list[psutil.Process]:
        """The processes it has started, the largest first."""
        found = psutil.Process(self.process.pid).children(recursive=True)
        return sorted(found, key=lambda one: one.memory_info().rss, reverse=True)

    def end(self) -> None:
        """Make sure that nothing is left."""
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="session")
def alphabet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the model that all these tests use."""
    path = tmp_path_factory.mktemp("gguf") / "alphabet.gguf"
    endless_model(path)
    return path


@contextmanager
def _serving(folder: Path, alphabet: Path) -> Iterator[Server]:
    server = Server(folder, OLLAMA_NUM_PARALLEL="4", OLLAMA_MAX_QUEUE="8")
    server.create("alphabet", alphabet)
    yield server
    server.end()


@pytest.fixture
def server(tmp_path: Path, alphabet: Path) -> Iterator[Server]:
    """A server that has the model ``alphabet``."""
    with _serving(tmp_path, alphabet) as server:
        yield server


@pytest.fixture(scope="module")
def lasting_server(tmp_path_factory: pytest.TempPathFactory, alphabet: Path) -> Iterator[Server]:
    """As ``server``, for all tests of a file."""
    with _serving(tmp_path_factory.mktemp("server"), alphabet) as server:
        yield server
