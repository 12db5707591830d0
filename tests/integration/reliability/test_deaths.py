"""Processes that are killed, and what the others make of it."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(os.name == "nt", reason="POSIX signals"),
]


def outcome(server: Any, tokens: int) -> tuple[str, str]:
    """Read one answer to its end; how it ended, and the text of its error."""
    answer = server.story(tokens)
    lines = answer.rest()
    answer.leave()
    ends = [line for line in lines if line.get("done") or "error" in line]
    assert ends == lines[-1:], "exactly one end, and nothing after it"
    text = ends[0].get("error", "")
    return ("done" if ends[0].get("done") else f"error {answer.status}"), text


def test_only_requests_of_a_killed_runner_fail_and_the_next_ones_are_served(server: Any) -> None:
    outcomes: list[tuple[str, str]] = []
    started = threading.Barrier(5)

    def client() -> None:
        started.wait()
        outcomes.extend(outcome(server, 300) for _ in range(6))

    clients = [threading.Thread(target=client) for _ in range(4)]
    for one in clients:
        one.start()
    started.wait()
    for _ in range(3):
        running = server.story(1000)
        assert running.line()["response"]
        server.runners()[0].kill()
        assert "signal: killed" in running.rest()[-1]["error"]
        running.leave()
    for one in clients:
        one.join(60)
    counts = Counter(kind for kind, _ in outcomes)
    assert counts.total() == 24
    assert counts["done"] >= 24 - 3 * 4
    assert all("runner" in text or "running the model" in text for _, text in outcomes if text)
    assert outcome(server, 5) == ("done", "")


def test_a_killed_server_leaves_no_runner(server: Any) -> None:
    running = server.story(100_000)
    assert running.line()["response"]
    runners = server.runners()
    server.process.kill()
    _, alive = psutil.wait_procs(runners, timeout=5)
    assert alive == []
    running.leave()


def test_a_terminated_server_ends_its_streams_with_an_error_and_leaves_no_runner(
    server: Any,
) -> None:
    running = [server.story(100_000) for _ in range(3)]
    assert all(one.line()["response"] for one in running)
    runners = server.runners()
    server.process.send_signal(signal.SIGTERM)
    for one in running:
        last = one.rest()[-1]
        assert last == {"error": "the server is shutting down"}
        one.leave()
    assert server.process.wait(10) == 0
    assert not any(one.is_running() for one in runners)


def test_a_server_may_be_started_right_after_it_was_told_to_stop(server: Any) -> None:
    running = server.story(100_000)
    assert running.line()["response"]
    first = server.process
    first.send_signal(signal.SIGTERM)
    running.leave()
    server.start()
    assert server.ask("GET", "/api/tags")[1]["models"][0]["name"] == "alphabet:latest"
    assert first.wait(10) == 0
    first.communicate()


def test_a_killed_server_starts_again_with_all_its_models(server: Any) -> None:
    before = server.ask("GET", "/api/tags")
    server.end()
    server.start()
    assert server.ask("GET", "/api/tags") == before
    assert outcome(server, 5) == ("done", "")


def test_a_file_that_was_damaged_on_disk_is_an_error_of_its_model_only(
    server: Any, alphabet: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(alphabet.read_bytes() + b"\0")
    server.create("other", other)
    (blob,) = (
        path
        for path in (server.models / "blobs").iterdir()
        if path.stat().st_size == other.stat().st_size
    )
    blob.write_bytes(b"GGUF" + b"\xff" * 100)
    status, body = server.ask("POST", "/api/generate", {"model": "other", "prompt": "x"})
    assert 400 <= status <= 500
    assert body["error"]
    assert outcome(server, 5) == ("done", "")
