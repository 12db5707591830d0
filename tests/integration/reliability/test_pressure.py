"""More clients than there is room for, and clients that leave."""

from __future__ import annotations

import json
import threading
from collections import Counter
from typing import Any

import psutil
import pytest
from benchmarks.endurance import CANCEL, LEAVE, hammer, side_by_side

pytestmark = pytest.mark.model


def test_clients_that_leave_at_any_moment_cost_nobody_else_anything(lasting_server: Any) -> None:
    tally = hammer(lasting_server.port, "alphabet", streams=8, seconds=3)
    assert tally.faults == []
    assert {"done", LEAVE, CANCEL} <= set(tally.endings)
    assert side_by_side(lasting_server.port, "alphabet", 4) == 4


def test_a_burst_is_served_or_refused_as_busy_but_never_dropped(lasting_server: Any) -> None:
    statuses: Counter[int] = Counter()
    begin = threading.Barrier(60)

    def client() -> None:
        begin.wait()
        status, body = lasting_server.ask(
            "POST", "/api/generate", {**lasting_server.request(3), "stream": False}
        )
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


def test_the_memory_of_a_model_is_free_again_when_it_is_unloaded(lasting_server: Any) -> None:
    assert (
        lasting_server.ask("POST", "/api/generate", {**lasting_server.request(3), "stream": False})[
            0
        ]
        == 200
    )
    model = lasting_server.runners()[0]
    gone = {"model": "alphabet", "keep_alive": 0}
    assert lasting_server.ask("POST", "/api/generate", gone)[0] == 200
    assert psutil.wait_procs([model], timeout=10)[1] == []
    assert lasting_server.ask("GET", "/api/ps") == (200, {"models": []})


def test_leaving_while_a_long_prompt_is_read_frees_the_model_at_once(lasting_server: Any) -> None:
    assert (
        lasting_server.ask("POST", "/api/generate", {**lasting_server.request(1), "stream": False})[
            0
        ]
        == 200
    )
    for _ in range(4):
        connection = lasting_server.connection()
        body = {**lasting_server.request(100_000), "prompt": "word " * 700}
        connection.request("POST", "/api/generate", json.dumps(body))
        connection.close()
    assert side_by_side(lasting_server.port, "alphabet", 4) == 4
