"""What a model would take, asked before it is pulled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.registry.conftest import Registry
from tests.unit.conftest import build_gguf, tiny_metadata

from .conftest import Start

PATH = "/api/estimate"


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    server = Registry()
    await server.start()
    yield server
    await server.stop()


async def test_an_estimate_names_sizes_window_and_verdict(registry: Registry, start: Start) -> None:
    call = start()
    weights = build_gguf(tiny_metadata())
    registry.add(weights=weights)
    body = {"model": f"{registry.host}/t/ok:v1", "insecure": True}
    found = (await asyncio.to_thread(call, "POST", PATH, body)).json
    assert found["model"] == f"{registry.host}/t/ok:v1"
    assert found["size"] == found["missing"] > len(weights)
    assert found["disk_free"] > 0
    assert found["fit"] == "cpu"
    assert 0 < found["memory"] < found["memory_available"] <= found["memory_capacity"]
    assert (found["context_length"], found["trained_context"], found["layers"]) == (256, 256, 1)
    assert call("GET", "/api/tags").json["models"] == []


async def test_a_model_that_the_registry_does_not_have_is_refused_as_by_a_pull(
    registry: Registry, start: Start
) -> None:
    body = {"model": f"{registry.host}/t/nobody:v1", "insecure": True}
    reply = await asyncio.to_thread(start(), "POST", PATH, body)
    assert reply.status == 500
    assert reply.json == {"error": "pull model manifest: file does not exist"}


@pytest.mark.parametrize("body", [{}, {"model": ""}, {"model": "a b"}, {"model": 5}])
def test_what_names_no_model_is_refused(start: Start, body: dict[str, object]) -> None:
    assert start()("POST", PATH, body).status == 400


def test_the_catalogue_is_measured_against_this_machine(start: Start) -> None:
    models = start()("GET", "/api/catalogue").json["models"]
    assert len(models) > 5
    for model in models:
        assert model["description"]
        assert model["license"]
        assert model["estimate"]["size"] > 0
        assert model["estimate"]["disk_free"] > 0
        assert model["estimate"]["fit"] in ("gpu", "partly", "cpu", "tight", "too_big")
