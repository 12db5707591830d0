"""More clients than there is room for, and clients that leave."""

from __future__ import annotations

import json
import random
import threading
from collections import Counter
from typing import Any

import psutil
import pytest

pytestmark = pytest.mark.model


def test_clients_that_leave_at_any_moment_cost_nobody_else_anything(server: Any) -> None:
    faults: list[object] = []

    def client(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(10):
            answer = server.story(chance.choice((5, 40, 400)))
            leaves_after = chance.choice((None, None, 0, 1, 9))
            if leaves_after is None:
                lines = answer.rest()
                ends = [line for line in lines if line.get("done") or "error" in line]
                if ends != lines[-1:] or "error" in ends[0]:
                    faults.append(lines[-1:])
            for _ in range(leaves_after or 0):
                answer.line()
            answer.leave()

    clients = [threading.Thread(target=client, args=(seed,)) for seed in range(8)]
    for one in clients:
        one.start()
    for one in clients:
        one.join(60)
    assert faults == []
    assert_all_slots_are_free(server)


def assert_all_slots_are_free(server: Any) -> None:
    """As many answers as there are slots run side by side."""
    running = [server.story(100_000) for _ in range(4)]
    assert all(one.line()["response"] for one in running)
    for one in running:
        one.leave()


def test_a_burst_is_served_or_refused_as_busy_but_never_dropped(server: Any) -> None:
    statuses: Counter[int] = Counter()
    begin = threading.Barrier(60)

    def client() -> None:
        begin.wait()
        status, body = server.ask("POST", "/api/generate", {**server.request(3), "stream": False})
        statuses[status] += 1
        assert body["response"] if status == 200 else "busy" in body["error"]

    clients = [threading.Thread(target=client) for _ in range(60)]
    for one in clients:
        one.start()
    for one in clients:
        one.join(60)
    assert statuses.total() == 60
    assert set(statuses) <= {200, 503}
    assert statuses[200] >= 8


def test_the_memory_of_a_model_is_free_again_when_it_is_unloaded(server: Any) -> None:
    assert server.ask("POST", "/api/generate", {**server.request(3), "stream": False})[0] == 200
    model = server.runners()[0]
    gone = {"model": "alphabet", "keep_alive": 0}
    assert server.ask("POST", "/api/generate", gone)[0] == 200
    assert psutil.wait_procs([model], timeout=10)[1] == []
    assert server.ask("GET", "/api/ps") == (200, {"models": []})


def test_leaving_while_a_long_prompt_is_read_frees_the_model_at_once(server: Any) -> None:
    assert server.ask("POST", "/api/generate", {**server.request(1), "stream": False})[0] == 200
    for _ in range(4):
        connection = server.connection()
        body = {**server.request(100_000), "prompt": "word " * 700}
        connection.request("POST", "/api/generate", json.dumps(body))
        connection.close()
    assert_all_slots_are_free(server)
