"""``puna bench``: how fast a model is on this machine, and how fast it could be."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from puna.cli import connection, console
from puna.cli.bandwidth import read_bandwidth
from puna.cli.measuring import Bench, Plan, Result, spread
from puna.cli.progress import Progress
from puna.cli.units import human_bytes
from puna.client import PunaClient
from puna.client.address import is_loopback
from puna.errors import ModelNotFound
from puna.names import ModelName

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """The model, as the server has it loaded.

    Attributes:
        size: bytes of its weights, as the list of models tells.
        on_gpu: a part of it is on a GPU.
        experts: each token reads only some of the weights.
    """

    name: str
    size: int
    parameters: str
    quantization: str
    window: int
    on_gpu: bool
    experts: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """What the memory of this machine allows.

    Attributes:
        bandwidth: bytes per second that it reads.
        rate: tokens per second, when each reads all weights once.
        share: how much of that one stream reaches, from 0 to 1.
    """

    bandwidth: float
    rate: float
    share: float


def bench(model: str, plan: Plan, *, as_json: bool = False) -> None:
    """Measure a model and print the speeds."""

    async def work(client: PunaClient) -> None:
        async with Progress() as progress:
            progress.show(f"loading {model}")
            subject = await _loaded(client, model)
            results = await Bench(client, model, progress.show).run(plan, subject.window)
            limit = await _limit(client, subject, results, progress)
            progress.clear()
        show = _json if as_json else report
        console.out(show(subject, results, limit))

    connection.run(work)


async def _loaded(client: PunaClient, model: str) -> Subject:
    """Load the model.

    Raises:
        ModelNotFound: there is none, or it is gone again.
    """
    shown = await client.show(model)
    await client.load(model)
    loaded, listed = _row(await client.ps(), model), _row(await client.tags(), model)
    if loaded is None or listed is None:
        raise ModelNotFound(model)
    details = listed.get("details") or {}
    return Subject(
        name=listed["name"],
        size=int(listed["size"]),
        parameters=str(details.get("parameter_size", "")),
        quantization=str(details.get("quantization_level", "")),
        window=int(loaded.get("context_length") or 4096),
        on_gpu=bool(loaded.get("size_vram")),
        experts=any(name.endswith(".expert_count") for name in shown.get("model_info") or {}),
    )


def _row(models: list[Json], model: str) -> Json | None:
    wanted = ModelName.parse(model)
    return next((row for row in models if ModelName.parse(row["name"]).same_as(wanted)), None)


async def _limit(
    client: PunaClient, subject: Subject, results: list[Result], progress: Progress
) -> Limit | None:
    """The limit for one stream, where main memory sets it and we can measure that memory."""
    single = next((one for one in results if (one.test, one.streams) == ("write", 1)), None)
    comparable = single and not subject.on_gpu and not subject.experts and subject.size
    if not comparable or single is None or not is_loopback(client.base_url):
        return None
    progress.show("reading memory")
    bandwidth = await asyncio.to_thread(read_bandwidth)
    if bandwidth is None:
        return None
    rate = bandwidth / subject.size
    return Limit(bandwidth, rate, single.median / rate)


def report(subject: Subject, results: list[Result], limit: Limit | None) -> str:
    """The speeds as text."""
    size = human_bytes(subject.size)
    about = (subject.name, subject.parameters, subject.quantization, size)
    lines = [" ".join(filter(None, about)) + f", context {subject.window}", ""]
    rows = [(_work(one), str(one.tokens), f"{one.median:.1f}", _range(one)) for one in results]
    lines.append(console.table(("WORK", "TOKENS", "TOKENS/S", "RANGE"), rows))
    if limit is not None:
        lines += ["", _explained(limit)]
    return "\n".join(lines)


def _work(result: Result) -> str:
    if result.test == "read":
        return "read a prompt"
    return "write" if result.streams == 1 else f"write, {result.streams} streams"


def _range(result: Result) -> str:
    low, high = spread(result.rates)
    return f"{low:.1f}-{high:.1f}"


def _explained(limit: Limit) -> str:
    return (
        f"One stream reaches {limit.share:.0%} of what memory allows: each token reads all "
        f"weights once, at {limit.bandwidth / 1e9:.1f} GB/s that is {limit.rate:.1f} tokens/s."
    )


def _json(subject: Subject, results: list[Result], limit: Limit | None) -> str:
    tests = [
        {
            "test": one.test,
            "streams": one.streams,
            "tokens": one.tokens,
            "rate": round(one.median, 3),
            "rates": [round(rate, 3) for rate in one.rates],
        }
        for one in results
    ]
    memory = limit and {
        "bandwidth": round(limit.bandwidth),
        "rate": round(limit.rate, 3),
        "share": round(limit.share, 4),
    }
    found = {
        "model": subject.name,
        "size": subject.size,
        "parameter_size": subject.parameters,
        "quantization_level": subject.quantization,
        "context_length": subject.window,
        "tests": tests,
        "memory_limit": memory,
    }
    return json.dumps(found, indent=2, ensure_ascii=False)
