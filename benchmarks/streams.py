"""A cheap load generator: raw sockets, one selector, arrival times of every piece.

It costs little CPU, so that on a small machine the servers are measured and
not the client.
"""

from __future__ import annotations

import json
import re
import selectors
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

SILENCE = 180.0
"""Seconds without a byte after which a server is taken for dead."""

SAMPLING = {"temperature": 1.5, "top_k": 40, "top_p": 1.0, "min_p": 0.0, "repeat_penalty": 1.0}
"""Hot, or a base model is soon caught in a loop, which Puna and Ollama end and others do not."""


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: text or messages, answered with exactly ``tokens`` tokens."""

    prompt: str | list[dict[str, str]]
    tokens: int
    seed: int = 1
    delay: float = 0.0


@dataclass(slots=True)
class Stream:
    """What came back. Times in s of the monotonic clock.

    Attributes:
        arrivals: when each piece of text came.
        text: the pieces of a chat, to go on with.
    """

    began: float
    arrivals: list[float] = field(default_factory=list)
    ended: float = 0.0
    tokens: int = 0
    prompt_tokens: int = 0
    text: str = ""

    @property
    def first(self) -> float:
        """Time to the first token, s."""
        return self.arrivals[0] - self.began

    @property
    def rate(self) -> float:
        """Tokens per second after the first."""
        return (self.tokens - 1) / max(self.ended - self.arrivals[0], 1e-9)

    @property
    def worst_gap(self) -> float:
        """Longest wait between two pieces, s."""
        pairs = zip(self.arrivals, self.arrivals[1:], strict=False)
        return max((later - earlier for earlier, later in pairs), default=0.0)


class Dialect:
    """How one kind of server is asked and read."""

    piece = b""
    end = b""
    counted = re.compile(rb"$^")
    prompt_counted = re.compile(rb"$^")

    def request(self, ask: Ask, model: str) -> tuple[str, dict[str, Any]]:
        """Path and body."""
        raise NotImplementedError


class Native(Dialect):
    """``/api/generate`` of Puna and Ollama."""

    piece = b'"done":false'
    end = b'"done":true'
    counted = re.compile(rb'"eval_count":(\d+)')
    prompt_counted = re.compile(rb'"prompt_eval_count":(\d+)')

    def request(self, ask: Ask, model: str) -> tuple[str, dict[str, Any]]:
        """A raw prompt; keep-alive for ever, so that nothing unloads in between."""
        options = {**SAMPLING, "num_predict": ask.tokens, "seed": ask.seed}
        body = {"model": model, "prompt": ask.prompt, "raw": True, "keep_alive": -1}
        return "/api/generate", {**body, "options": options}


class LlamaServer(Dialect):
    """``/completion`` of llama-server."""

    piece = b'"content":'
    end = b'"stop":true'
    counted = re.compile(rb'"predicted_n":(\d+)')
    prompt_counted = re.compile(rb'"tokens_evaluated":(\d+)')

    def request(self, ask: Ask, model: str) -> tuple[str, dict[str, Any]]:
        """The same sampler chain as the others."""
        body = {"prompt": ask.prompt, "n_predict": ask.tokens, "stream": True, "seed": ask.seed}
        chain = {"samplers": ["top_k", "top_p", "temperature"], "cache_prompt": True}
        return "/completion", {**body, **SAMPLING, **chain}


class OpenAi(Dialect):
    """``/v1/chat/completions`` of all three."""

    piece = b'"delta":{"content":"'
    end = b"data: [DONE]"
    counted = re.compile(rb'"completion_tokens":(\d+)')
    prompt_counted = re.compile(rb'"prompt_tokens":(\d+)')

    def request(self, ask: Ask, model: str) -> tuple[str, dict[str, Any]]:
        """A conversation."""
        body = {"model": model, "messages": ask.prompt, "max_tokens": ask.tokens, "stream": True}
        usage = {"stream_options": {"include_usage": True}}
        return "/v1/chat/completions", {**body, **usage, **SAMPLING, "seed": ask.seed}


def run(dialect: Dialect, port: int, model: str, asks: Sequence[Ask]) -> list[Stream]:
    """Ask all at their times and read all answers to the end.

    Raises:
        RuntimeError: a server refused, or said nothing for :data:`SILENCE`.
    """
    return _Run(dialect, port, model, asks).finish()


def begin(dialect: Dialect, port: int, model: str, ask: Ask) -> socket.socket:
    """Send one request and leave the answer to the caller."""
    path, body = dialect.request(ask, model)
    data = json.dumps(body).encode()
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    head += f"Connection: close\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


@dataclass(slots=True, eq=False)
class _Live:
    stream: Stream
    connection: socket.socket
    data: bytearray = field(default_factory=bytearray)
    seen: int = 0


class _Run:
    def __init__(self, dialect: Dialect, port: int, model: str, asks: Sequence[Ask]) -> None:
        self._dialect, self._port, self._model, self._asks = dialect, port, model, asks
        self._selector = selectors.DefaultSelector()
        self._streams: dict[int, Stream] = {}
        self._live = 0

    def finish(self) -> list[Stream]:
        start = time.perf_counter()
        waiting = sorted(range(len(self._asks)), key=lambda at: self._asks[at].delay)
        while waiting or self._live:
            now = time.perf_counter() - start
            while waiting and self._asks[waiting[0]].delay <= now:
                self._open(waiting.pop(0))
            pause = self._asks[waiting[0]].delay - now if waiting else SILENCE
            ready = self._selector.select(max(pause, 0.0))
            if not ready and not waiting:
                raise RuntimeError(f"port {self._port}: no byte for {SILENCE:.0f} s")
            for key, _ in ready:
                self._read(key.data)
        self._selector.close()
        return [self._streams[at] for at in range(len(self._asks))]

    def _open(self, at: int) -> None:
        stream = Stream(time.perf_counter())
        connection = begin(self._dialect, self._port, self._model, self._asks[at])
        self._selector.register(connection, selectors.EVENT_READ, _Live(stream, connection))
        self._streams[at] = stream
        self._live += 1

    def _read(self, live: _Live) -> None:
        data = live.connection.recv(65536)
        now = time.perf_counter()
        live.data += data
        pieces = live.data.count(self._dialect.piece)
        live.stream.arrivals += [now] * (pieces - live.seen)
        live.seen = pieces
        if not data or self._dialect.end in live.data:
            self._close(live, now)

    def _close(self, live: _Live, now: float) -> None:
        if b" 200 " not in live.data.split(b"\r\n", 1)[0] + b" ":
            raise RuntimeError(f"port {self._port}: {bytes(live.data[:600])!r}")
        live.stream.ended = now
        counted = self._dialect.counted.findall(live.data)
        prompt = self._dialect.prompt_counted.findall(live.data)
        live.stream.tokens = int(counted[-1]) if counted else live.seen
        live.stream.prompt_tokens = int(prompt[-1]) if prompt else 0
        live.stream.text = _chat_text(live.data)
        if not live.stream.arrivals:
            live.stream.arrivals.append(now)
        self._selector.unregister(live.connection)
        live.connection.close()
        self._live -= 1


def _chat_text(data: bytearray) -> str:
    found = []
    for line in data.decode("utf-8", "replace").split("\n"):
        if line.startswith("data: {"):
            choices = json.loads(line[6:]).get("choices") or [{}]
            found.append(choices[0].get("delta", {}).get("content") or "")
    return "".join(found)
