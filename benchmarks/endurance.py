"""Clients that come and go for a long time: every request ends once, and nothing grows.

    python -m benchmarks.endurance [--minutes 10] [--streams 8] [--model FILE.gguf]

Each client asks for one streamed answer after the other in a random dialect. Some leave in the
middle, some cancel their request by its name, and all others must get exactly one final object or
error, as the last thing that comes.
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks import servers

CACHE = Path(__file__).resolve().parent.parent / ".cache" / "models"
PATIENCE_S = 120.0
WORDS = ["river", "stone", "cloud", "lamp", "seed", "wind", "paper", "glass"]
LEAVE, CANCEL = "left", "canceled"

_numbers = itertools.count()


@dataclass
class Tally:
    """What became of the requests.

    Attributes:
        endings: how often a request ended so.
        faults: what must not be, in words.
    """

    endings: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)


def hammer(port: int, model: str, *, streams: int, seconds: float, seed: int = 0) -> Tally:
    """Keep so many streams busy for so long."""
    tally, until = Tally(), time.monotonic() + seconds
    clients = [
        threading.Thread(target=_client, args=(port, model, until, random.Random(seed + n), tally))
        for n in range(streams)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return tally


def side_by_side(port: int, model: str, streams: int) -> int:
    """How many of so many answers begin together: as many as there are free slots."""
    running = [Stream(port, "/api/generate", _body("/api/generate", model, 100_000, "q"))
               for _ in range(streams)]  # fmt: skip
    begun = sum(bool(next(stream.pieces(), None)) for stream in running)
    for stream in running:
        stream.leave()
    return begun


class Stream:
    """A streamed answer."""

    def __init__(self, port: int, path: str, body: dict[str, Any]) -> None:
        self.name = f"endurance-{next(_numbers)}"
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
        self._connection.request("POST", path, json.dumps(body), {"X-Request-Id": self.name})

    def pieces(self) -> Iterator[bytes]:
        """JSON objects, and the ``[DONE]`` of OpenAI, without what SSE adds to them.

        Raises:
            OSError, http.client.HTTPException: the connection broke.
        """
        for line in self._connection.getresponse():
            piece = line.removeprefix(b"data:").strip()
            if piece and not piece.startswith((b"event:", b":")):
                yield piece

    def leave(self) -> None:
        """Close the connection, whatever is still to come."""
        self._connection.close()


def ending(piece: bytes) -> str:
    """What a piece says of the end of its stream; empty when it is no end."""
    if piece == b"[DONE]":
        return "done"
    found = json.loads(piece)
    if "error" in found:
        error = found["error"]
        return str(error["message"] if isinstance(error, dict) else error)
    return "done" if found.get("done") or found.get("type") == "message_stop" else ""


def _client(port: int, model: str, until: float, chance: random.Random, tally: Tally) -> None:
    while time.monotonic() < until:
        try:
            how = _one(port, model, chance)
        except (OSError, http.client.HTTPException, ValueError) as error:
            tally.faults.append(f"{type(error).__name__}: {error}")
        else:
            tally.endings[how] += 1
            if how not in ("done", LEAVE, CANCEL):
                tally.faults.append(how)


def _one(port: int, model: str, chance: random.Random) -> str:
    """One request; how it ended."""
    path = chance.choice(["/api/generate", "/api/chat", "/v1/chat/completions", "/v1/messages"])
    prompt = " ".join(chance.choices(WORDS, k=chance.choice([2, 12, 200])))
    stream = Stream(port, path, _body(path, model, chance.choice([5, 40, 200]), prompt))
    does = chance.choice(["", "", LEAVE, CANCEL])
    after = chance.choice([0, 1, 9])
    ends: list[str] = []
    try:
        for number, piece in enumerate(stream.pieces()):
            if ends:
                return f"{piece!r} after the end of {path}"
            if said := ending(piece):
                ends.append(said)
            elif number == after and does == LEAVE:
                return LEAVE
            elif number == after and does == CANCEL:
                _cancel(port, stream.name)
    finally:
        stream.leave()
    if not ends:
        return f"no end of {path}"
    return CANCEL if does == CANCEL and "canceled" in ends[0] else ends[0]


def _cancel(port: int, name: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("POST", "/api/cancel", json.dumps({"id": name}))
    connection.getresponse().read()
    connection.close()


def _body(path: str, model: str, tokens: int, prompt: str) -> dict[str, Any]:
    if path == "/api/generate":
        asked: dict[str, Any] = {"prompt": prompt}
    else:
        asked = {"messages": [{"role": "user", "content": prompt}]}
    limit = {"max_tokens": tokens} if path.startswith("/v1/") else {}
    options = {} if path.startswith("/v1/") else {"options": {"num_predict": tokens}}
    return {"model": model, "stream": True, **asked, **limit, **options}


def main() -> int:
    """Run, print the figures, and say whether all is well."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--streams", type=int, default=8)
    parser.add_argument("--model", type=Path, default=CACHE / "SmolLM2-135M-Instruct.Q4_1.gguf")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="puna-endurance-") as folder:
        context = 2048 * options.streams
        server = servers.puna(options.model, Path(folder), context=context, slots=options.streams)
        try:
            return _run(server, options.streams, options.minutes * 60)
        finally:
            server.stop()


def _run(server: servers.Server, streams: int, seconds: float) -> int:
    samples: list[int] = []
    over = threading.Event()

    def watch() -> None:
        while not over.wait(1.0):
            samples.append(server.memory())

    watcher = threading.Thread(target=watch)
    watcher.start()
    tally = hammer(server.port, server.model, streams=streams, seconds=seconds)
    over.set()
    watcher.join()
    begun = side_by_side(server.port, server.model, streams)
    quarter = max(1, len(samples) // 4)
    early, late = (
        statistics.median(part) / 1e6
        for part in (samples[quarter : 2 * quarter], samples[-quarter:])
    )
    sys.stdout.write(
        f"{tally.endings.total()} requests: {dict(tally.endings)}\n"
        f"faults: {len(tally.faults)} {sorted(set(tally.faults))[:5]}\n"
        f"answers side by side afterwards: {begun} of {streams}\n"
        f"memory: {early:.0f} MB in the second quarter, {late:.0f} MB in the last, "
        f"{max(samples) / 1e6:.0f} MB at most\n"
    )
    return 0 if not tally.faults and begun == streams and late < 1.1 * early else 1


if __name__ == "__main__":
    sys.exit(main())
