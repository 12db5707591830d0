"""``puna list`` and ``puna ps``."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from puna.cli import connection, console
from puna.cli.units import human_bytes, human_time, parse_time
from puna.client import PunaClient

Json = dict[str, Any]


def list_models(prefix: str = "", *, as_json: bool = False) -> None:
    """Print the installed models."""

    async def work(client: PunaClient) -> None:
        models = _matching(await client.tags(), prefix)
        console.out(_json(models) if as_json else models_table(models))

    connection.run(work)


def list_loaded(prefix: str = "", *, as_json: bool = False) -> None:
    """Print the models in memory."""

    async def work(client: PunaClient) -> None:
        models = _matching(await client.ps(), prefix)
        console.out(_json(models) if as_json else loaded_table(models, _now()))

    connection.run(work)


def list_resident(prefix: str = "", *, as_json: bool = False) -> None:
    """Print how the models in memory were loaded, and what they take."""

    async def work(client: PunaClient) -> None:
        models = _matching((await client.hardware())["models"], prefix)
        console.out(_json(models) if as_json else resident_table(models))

    connection.run(work)


async def print_models(client: PunaClient, prefix: str) -> None:
    """Print the installed models inside a session."""
    console.out(models_table(_matching(await client.tags(), prefix)))


def models_table(models: list[Json]) -> str:
    """``NAME  ID  SIZE  MODIFIED``."""
    now = _now()
    rows = [
        (
            model["name"],
            model["digest"][:12],
            "-" if model.get("remote_model") else human_bytes(model["size"]),
            human_time(parse_time(model["modified_at"]), now, "Never"),
        )
        for model in models
    ]
    return console.table(("NAME", "ID", "SIZE", "MODIFIED"), rows)


def loaded_table(models: list[Json], now: datetime) -> str:
    """``NAME  ID  SIZE  PROCESSOR  CONTEXT  UNTIL``."""
    rows = [
        (
            model["name"],
            model["digest"][:12],
            human_bytes(model["size"]),
            _processor(model["size"], model.get("size_vram", 0)),
            str(model.get("context_length", 0)),
            _until(parse_time(model["expires_at"]), now),
        )
        for model in models
    ]
    return console.table(("NAME", "ID", "SIZE", "PROCESSOR", "CONTEXT", "UNTIL"), rows)


def resident_table(models: list[Json]) -> str:
    """``NAME  STATE  MEMORY  ESTIMATE  LAYERS  CONTEXT  SLOTS  CACHE  THREADS  LOADED IN``."""
    rows = [
        (
            model["name"],
            model["state"],
            human_bytes(model["memory"]),
            human_bytes(model["memory_estimated"]),
            f"{model['layers_gpu']}/{model['layers']} on GPU",
            str(model["context_length"]),
            str(model["slots"]),
            model["kv_type"],
            str(model["threads"]),
            f"{model['load_duration'] / 1e9:.1f} s",
        )
        for model in models
    ]
    names = "NAME,STATE,MEMORY,ESTIMATE,LAYERS,CONTEXT,SLOTS,CACHE,THREADS,LOADED IN"
    return console.table(names.split(","), rows)


def _matching(models: list[Json], prefix: str) -> list[Json]:
    return [model for model in models if model["name"].lower().startswith(prefix.lower())]


def _processor(size: int, on_gpu: int) -> str:
    if on_gpu == 0:
        return "100% CPU"
    if on_gpu == size:
        return "100% GPU"
    if on_gpu > size or size == 0:
        return "Unknown"
    share = int((size - on_gpu) / size * 100 + 0.5)
    return f"{share}%/{100 - share}% CPU/GPU"


def _until(moment: datetime | None, now: datetime) -> str:
    if moment is not None and moment < now:
        return "Stopping..."
    return human_time(moment, now, "Never")


def _json(models: list[Json]) -> str:
    return json.dumps(models, indent=2, ensure_ascii=False)


def _now() -> datetime:
    return datetime.now(UTC)
