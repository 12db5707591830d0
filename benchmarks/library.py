"""Measures the library of models: transfers, and answers that need no model in memory.

    python -m benchmarks.library [--rounds 6] [--megabytes 250]

Needs docker-registry, curl and wrk. The yardsticks are taken in the same run: curl writes the
same bytes to a file on the same disk, and one thread hashes them.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import http.client
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from gguf import GGUFWriter

from benchmarks import page
from benchmarks.quiet import Quiet
from benchmarks.servers import Server, answers, empty_puna, free_port

ROOT = Path(__file__).resolve().parent
WIDTH = 2560
NAMES = 200
WRK_S = 2
SETTLED_S = 4
REGISTRY = """
version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the results; ``bound`` is the least rate or the most of anything else."""

    title: str
    unit: str
    bound: float | None = None
    rate: bool = True

    def holds(self, value: float) -> bool:
        """Whether the bound is kept."""
        if self.bound is None:
            return True
        return value >= self.bound if self.rate else value <= self.bound


ROWS = {
    "hash": Row("SHA-256 of the file, one thread", "MB/s"),
    "curl": Row("curl from the registry to a file", "MB/s"),
    "pull": Row("pull from the registry", "MB/s"),
    "pull/curl": Row("pull, of the rate of curl in the same round", "×", 0.75),
    "upload": Row("upload of a blob", "MB/s"),
    "upload/hash": Row("upload, of the rate of the hash in the same round", "×"),
    "create": Row("create from the uploaded blob", "s", rate=False),
    "show cold": Row("/api/show, first after the start", "ms", rate=False),
    "show": Row("/api/show", "requests/s"),
    "tags cold": Row(f"/api/tags with {NAMES} models, first after the start", "ms", rate=False),
    "tags 1": Row(f"/api/tags with {NAMES} models, 1 connection", "requests/s"),
    "tags 16": Row(f"/api/tags with {NAMES} models, 16 connections", "requests/s"),
    "version": Row("/api/version, 16 connections", "requests/s", 5000),
    "ready": Row("start of the process to the first answer of /", "s", 0.25, rate=False),
    "memory": Row("memory with nothing loaded, spare child included", "MB", 100, rate=False),
}


@dataclass(slots=True)
class Bench:
    """One Puna, one registry and one large model.

    Attributes:
        numbers: what was measured, by row.
    """

    server: Server
    registry: subprocess.Popen[bytes]
    host: str
    model: Path
    digest: str
    folder: Path
    quiet: Quiet
    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    @property
    def megabytes(self) -> float:
        """Size of the model."""
        return self.model.stat().st_size / 1e6

    @property
    def pulled(self) -> str:
        """Name of the model at the registry."""
        return f"{self.host}/library/big:latest"

    def seconds(self, work: Callable[[], object], before: Callable[[], object] = int) -> float:
        """How long ``work`` takes while nothing else runs; each try begins with ``before``."""

        def timed() -> float:
            began = time.perf_counter()
            work()
            return time.perf_counter() - began

        def prepared() -> Callable[[], float]:
            before()
            os.sync()
            return timed

        return self.quiet.sample(prepared)

    def forget(self, *names: str) -> None:
        """Remove models with their blobs."""
        for name in names:
            with suppress(RuntimeError):
                self.server.call("DELETE", "/api/delete", {"model": name})


def main() -> int:
    """Measure, write the page and say whether all bounds hold."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="puna-bench-") as name, ExitStack() as stack:
        numbers = _measure(options, Path(name), stack)
    text = _table(numbers, options)
    sys.stdout.write(text)
    (ROOT / "LIBRARY.md").write_text(f"# The library of models\n\n{text}")
    return 0 if all(ROWS[row].holds(statistics.median(numbers[row])) for row in numbers) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--megabytes", type=int, default=250)
    parser.add_argument("--only", default="transfers,answers,starts")
    return parser.parse_args()


def _measure(options: argparse.Namespace, folder: Path, stack: ExitStack) -> dict[str, list[float]]:
    model = _model(folder / "big.gguf", options.megabytes)
    registry, host = stack.enter_context(_registry(folder))
    server = stack.enter_context(_serving(folder))
    digest = "sha256:" + hashlib.sha256(model.read_bytes()).hexdigest()
    quiet = Quiet(lambda: [registry.pid, *server.pids()])
    bench = Bench(server, registry, host, model, digest, folder, quiet)
    _publish(bench)
    for name in options.only.split(","):
        {"transfers": _transfers, "answers": _answers, "starts": _starts}[name](
            bench, options.rounds
        )
    sys.stderr.write(f"{quiet.taken} samples, {quiet.rejected} taken again\n")
    return bench.numbers


# ------------------------------------------------------------------ transfers


def _transfers(bench: Bench, rounds: int) -> None:
    """Each round does everything once; the first is for warming up."""
    for number in range(rounds + 1):
        found = _transfer_round(bench)
        if number:
            for row, value in found.items():
                bench.numbers[row].append(value)
    bench.forget("big")


def _transfer_round(bench: Bench) -> dict[str, float]:
    size = bench.megabytes

    def forget() -> None:  # a blob that is there is not transferred, and goes with its model
        with suppress(RuntimeError):
            _create(bench)
        bench.forget(bench.pulled, "big")

    curl = size / bench.seconds(lambda: _curl(bench))
    pull = size / bench.seconds(lambda: _pull(bench), forget)
    digested = size / bench.seconds(lambda: _hash(bench.model))
    upload = size / bench.seconds(lambda: _upload(bench), forget)
    create = bench.seconds(lambda: _create(bench))
    return {
        "hash": digested,
        "curl": curl,
        "pull": pull,
        "pull/curl": pull / curl,
        "upload": upload,
        "upload/hash": upload / digested,
        "create": create,
    }


def _publish(bench: Bench) -> None:
    _upload(bench)
    _create(bench)
    bench.server.call("POST", "/api/copy", {"source": "big", "destination": bench.pulled})
    push = {"model": bench.pulled, "insecure": True, "stream": False}
    bench.server.call("POST", "/api/push", push)
    bench.forget("big", bench.pulled)


def _curl(bench: Bench) -> None:
    url = f"http://{bench.host}/v2/library/big/blobs/{bench.digest}"
    subprocess.run(["curl", "-sf", "-o", bench.folder / "curl.out", url], check=True)


def _pull(bench: Bench) -> None:
    body = {"model": bench.pulled, "insecure": True, "stream": False}
    bench.server.call("POST", "/api/pull", body)


def _upload(bench: Bench) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", bench.server.port)
    with bench.model.open("rb") as file:
        connection.putrequest("POST", f"/api/blobs/{bench.digest}")
        connection.putheader("Content-Length", str(bench.model.stat().st_size))
        connection.endheaders()
        connection.sock.sendfile(file)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    if answer.status not in (200, 201):
        raise RuntimeError(f"upload: {answer.status}")


def _create(bench: Bench) -> None:
    body = {"model": "big", "files": {"big.gguf": bench.digest}, "stream": False}
    bench.server.call("POST", "/api/create", body)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


# ------------------------------------------------------------------ answers


def _answers(bench: Bench, rounds: int) -> None:
    """Answers from a library of many models, each round of a server that was just started."""
    folder = bench.folder / "many"
    folder.mkdir()
    with _serving(folder) as server:
        filling = replace(bench, server=server)
        _upload(filling)
        _create(filling)
        for number in range(NAMES - 1):
            copy = {"source": "big", "destination": f"copy{number:03}"}
            server.call("POST", "/api/copy", copy)
    for _ in range(rounds):
        with _serving(folder) as server:
            _answer_round(bench, server)


def _answer_round(bench: Bench, server: Server) -> None:
    found = bench.numbers
    show = {"model": "big"}
    found["tags cold"].append(_elapsed(lambda: server.call("GET", "/api/tags")) * 1e3)
    found["show cold"].append(_elapsed(lambda: server.call("POST", "/api/show", show)) * 1e3)
    found["show"].append(_wrk(bench, server, "/api/show", 1, '{"model": "big"}'))
    found["tags 1"].append(_wrk(bench, server, "/api/tags", 1))
    found["tags 16"].append(_wrk(bench, server, "/api/tags", 16))
    found["version"].append(_wrk(bench, server, "/api/version", 16))


def _elapsed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _wrk(bench: Bench, server: Server, path: str, connections: int, body: str = "") -> float:
    """Requests per second."""
    script = bench.folder / "wrk.lua"
    method = "POST" if body else "GET"
    script.write_text(f"wrk.method = '{method}'\nwrk.body = '{body}'\n")
    command = ["wrk", "-t1", f"-c{connections}", f"-d{WRK_S}s", "-s", str(script)]
    command.append(f"http://127.0.0.1:{server.port}{path}")
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output:
        raise RuntimeError(f"{path}: {output}")
    found = re.search(r"Requests/sec:\s+([\d.]+)", output)
    assert found is not None
    return float(found[1])


# ------------------------------------------------------------------ starts


def _starts(bench: Bench, rounds: int) -> None:
    for number in range(rounds):
        folder = bench.folder / f"start{number}"
        folder.mkdir()
        with _serving(folder) as server:
            bench.numbers["ready"].append(server.started_in)
            time.sleep(SETTLED_S)
            bench.numbers["memory"].append(server.memory() / 1e6)


# ------------------------------------------------------------------ what it runs on


def _model(path: Path, megabytes: int) -> Path:
    """A model of one large tensor, which can be created, listed and shown, but not run."""
    rows = megabytes * 1_000_000 // (2 * WIDTH)
    writer = GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(2048)
    writer.add_embedding_length(WIDTH)
    writer.add_feed_forward_length(WIDTH)
    writer.add_head_count(8)
    writer.add_head_count_kv(8)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(1)
    writer.add_tokenizer_model("llama")
    writer.add_token_list([f"t{number}" for number in range(rows)])
    writer.add_token_scores([0.0] * rows)
    writer.add_token_types([1] * rows)
    noise = np.random.default_rng().integers(0, 2**15, (rows, WIDTH), dtype=np.uint16)
    writer.add_tensor("token_embd.weight", noise.view(np.float16))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@contextmanager
def _serving(folder: Path) -> Iterator[Server]:
    server = empty_puna(folder)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def _registry(folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    config = folder / "registry.yml"
    config.write_text(REGISTRY.format(folder=folder / "registry", port=port))
    command = ["docker-registry", "serve", str(config)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not answers(port, "/v2/"):
            time.sleep(0.05)
        yield process, f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _table(numbers: dict[str, list[float]], options: argparse.Namespace) -> str:
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    lines = [
        f"{today}, {platform.machine()}, {page.processor()}; a model of {options.megabytes} MB, "
        f"{options.rounds} rounds: median [least–most].",
        "",
        "| measure | | bound | |",
        "|---|---|---|---|",
    ]
    return "\n".join(
        [*lines, *(_line(ROWS[name], numbers[name]) for name in ROWS if name in numbers), ""]
    )


def _line(row: Row, values: list[float]) -> str:
    median = statistics.median(values)
    shown = f"**{median:.3g}** {row.unit} [{min(values):.3g}–{max(values):.3g}]"
    if row.bound is None:
        return f"| {row.title} | {shown} | | |"
    sign, verdict = "≥" if row.rate else "≤", "✓" if row.holds(median) else "✗"
    return f"| {row.title} | {shown} | {sign} {row.bound:g} | {verdict} |"


if __name__ == "__main__":
    raise SystemExit(main())
