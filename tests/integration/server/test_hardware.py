from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

Start = Callable[..., Any]


def until_known(get: Any) -> Any:
    """The answer once the spare runner has reported."""
    deadline = time.monotonic() + 30
    while not (found := get("GET", "/api/hardware").json)["devices"]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found


def test_the_machine_is_described(start: Start) -> None:
    found = until_known(start())
    assert "cpu" in [device["kind"] for device in found["devices"]]
    assert all(one["used"] + one["free"] == one["total"] > 0 for one in found["devices"])
    assert found["cores"] >= 1
    assert "llama" in found["build"]
    assert 0 < found["memory"]["available"] <= found["memory"]["total"]
    assert found["models"] == []


def test_the_route_is_in_the_api_document(start: Start) -> None:
    document = start()("GET", "/openapi.json").json
    answer = document["paths"]["/api/hardware"]["get"]["responses"]["200"]
    schema = answer["content"]["application/json"]["schema"]
    assert schema["$ref"].endswith("/HardwareResponse")


@pytest.mark.model
def test_a_loaded_model_is_described(serve: Any) -> None:
    serve("POST", "/api/generate", {"model": "smol", "options": {"num_ctx": 512}})
    (model,) = serve("GET", "/api/hardware").json["models"]
    assert (model["name"], model["state"], model["context_length"]) == ("smol:latest", "ready", 512)
    assert (model["layers"], model["kv_type"], model["trained_context"]) == (30, "f16", 8192)
    assert model["slots"] >= 4
    assert model["load_duration"] > 0
    assert 0.5 < model["memory_estimated"] / model["memory"] < 2
