"""From a Modelfile to a model: gather its files, hash them, send them, create.

Source: contract ``ollama-store-registry-cli`` 4.4.
"""

from __future__ import annotations

import asyncio
import hashlib
import math
import os
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from puna.client.client import PunaClient
from puna.client.files import expand, readable, select
from puna.errors import InvalidInput
from puna.modelfile import Command, Modelfile
from puna.modelfile.parameters import merge, required_version, typed
from puna.options import DEPRECATED

Json = dict[str, Any]
Report = Callable[[Json], None]

GATHERING = "gathering model components"

_CHUNK = 1 << 20
_HASH_THREADS = 4


@dataclass
class Plan:
    """What a Modelfile asks for, before anything is hashed.

    Attributes:
        body: the create request without its files.
        sources: the local paths that FROM lines name.
    """

    body: Json = field(default_factory=dict)
    sources: list[Path] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    adapters: list[Path] = field(default_factory=list)
    drafts: list[Path] = field(default_factory=list)

    @property
    def paths(self) -> list[Path]:
        """All files, each once."""
        return list(dict.fromkeys([*self.files, *self.adapters, *self.drafts]))

    def request(self, digests: Mapping[Path, str]) -> Json:
        """The create request, with each file as ``{relative name: digest}``."""
        groups = {"files": self.files, "adapters": self.adapters, "draft_files": self.drafts}
        named = {key: _named(paths, digests) for key, paths in groups.items() if paths}
        return self.body | named


async def create_from_modelfile(
    client: PunaClient,
    name: str,
    modelfile: Modelfile,
    folder: Path,
    *,
    quantize: str = "",
    draft_quantize: str = "",
) -> AsyncGenerator[Json, None]:
    """Create a model on the server of ``client``.

    Args:
        client: the server to create it on.
        name: the new model's name.
        modelfile: the instructions.
        folder: what relative paths in the Modelfile start from.
        quantize: the type to convert the weights to; empty leaves them.
        draft_quantize: the same for the draft model.

    Yields:
        Statuses: ``gathering model components`` (with ``completed`` and
        ``total`` bytes while files are hashed), ``copying file sha256:… N%``,
        then those of the server up to ``success``.

    Raises:
        InvalidInput: a path or a parameter that cannot be used.
        PunaError: what the server refuses.
    """
    yield {"status": GATHERING}
    plan = await asyncio.to_thread(gather, modelfile, folder)
    digests: dict[Path, str] = {}
    async with aclosing(_reported(partial(_hash_all, plan.paths, digests))) as hashing:
        async for status in hashing:
            yield status
    async with aclosing(_reported(partial(_upload_all, client, digests))) as uploading:
        async for status in uploading:
            yield status
    levels = {"quantize": quantize, "draft_quantize": draft_quantize}
    chosen = {key: level for key, level in levels.items() if level}
    body = {"model": name} | plan.request(digests) | chosen
    async with aclosing(client.create(body)) as creating:
        async for status in creating:
            yield status


def gather(modelfile: Modelfile, folder: Path) -> Plan:
    """Resolve the commands one by one, so that the first fault is the one reported.

    Raises:
        InvalidInput: a path or a parameter that cannot be used.
    """
    plan = Plan()
    for command in modelfile.commands:
        with readable():
            _apply(plan, command, folder)
    return plan


def _apply(plan: Plan, command: Command, folder: Path) -> None:
    match command.name:
        case "model":
            _apply_from(plan, command.args, folder)
        case "adapter":
            plan.adapters = select(expand(command.args, folder))
        case "draft":
            _apply_draft(plan, expand(command.args, folder))
        case "system" | "template" | "renderer" | "parser":
            _set(plan.body, command.name, command.args)
        case "requires":
            plan.body["requires"] = required_version(command.args)
        case "license":
            plan.body.setdefault("license", []).append(command.args)
        case "message":
            role, content = command.message
            message = {"role": role, "content": content}
            plan.body.setdefault("messages", []).append(message)
        case name if name not in DEPRECATED:
            _apply_parameter(plan, name, command.args)


def _apply_from(plan: Plan, text: str, folder: Path) -> None:
    path = expand(text, folder)
    try:
        plan.files += select(path)
    except FileNotFoundError:
        plan.body["from"] = text
    else:
        plan.sources.append(path)


def _apply_draft(plan: Plan, path: Path) -> None:
    if any(path.exists() and path.samefile(source) for source in plan.sources):
        raise InvalidInput(f"DRAFT must not reference the same local path as FROM: {path}")
    plan.drafts += select(path)


def _apply_parameter(plan: Plan, name: str, text: str) -> None:
    value = typed(name, [text])
    if isinstance(value, float) and not math.isfinite(value):
        shown = "NaN" if math.isnan(value) else f"{'+' if value > 0 else '-'}Inf"
        raise InvalidInput(f"json: unsupported value: {shown}")
    merge(plan.body.setdefault("parameters", {}), name, value)


def _set(body: Json, name: str, text: str) -> None:
    """The last line wins; an empty one means that nothing is to be changed."""
    if text:
        body[name] = text
    else:
        body.pop(name, None)


def _named(paths: Iterable[Path], digests: Mapping[Path, str]) -> dict[str, str]:
    paths = list(paths)
    try:
        root = os.path.commonpath([path.parent for path in paths])
    except ValueError:  # files on different drives of Windows
        return {path.name: digests[path] for path in paths}
    return {path.relative_to(root).as_posix(): digests[path] for path in paths}


async def _hash_all(paths: list[Path], digests: dict[Path, str], report: Report) -> None:
    with readable():
        total = sum(path.stat().st_size for path in paths)
    progress = _Progress(total, lambda done: report(_gathered(done, total)))
    stopped = threading.Event()
    slots = asyncio.Semaphore(_HASH_THREADS)
    loop = asyncio.get_running_loop()

    def count(size: int) -> None:
        loop.call_soon_threadsafe(progress.add, size)

    async def hash_one(path: Path) -> str:
        async with slots:
            return await asyncio.to_thread(_digest, path, count, stopped)

    try:
        found = await asyncio.gather(*map(hash_one, paths))
    finally:
        # A thread cannot be cancelled; without this it would read its file to the end.
        stopped.set()
    digests.update(zip(paths, found, strict=True))


def _gathered(done: int, total: int) -> Json:
    return {"status": GATHERING, "completed": done, "total": total}


def _digest(path: Path, count: Callable[[int], object], stopped: threading.Event) -> str:
    hashed = hashlib.sha256()
    with readable(), path.open("rb") as file:
        while not stopped.is_set() and (chunk := file.read(_CHUNK)):
            hashed.update(chunk)
            count(len(chunk))
    return f"sha256:{hashed.hexdigest()}"


async def _upload_all(client: PunaClient, digests: Mapping[Path, str], report: Report) -> None:
    for digest, path in {digest: path for path, digest in digests.items()}.items():
        with readable():
            total = path.stat().st_size
        progress = _Progress(total, partial(_copied, report, digest, total))
        if not await client.has_blob(digest):
            with readable():
                await client.upload_blob(digest, path, progress.to)
        progress.to(total)


def _copied(report: Report, digest: str, total: int, done: int) -> None:
    percent = 100 * done // total if total else 100
    text = f"copying file {digest} {percent}%"
    report({"status": text, "digest": digest, "completed": done, "total": total})


class _Progress:
    """Reports a sum when its percentage has changed, not for every piece."""

    def __init__(self, total: int, report: Callable[[int], None]) -> None:
        self._total = total
        self._report = report
        self._done = 0
        self._percent = -1

    def add(self, count: int) -> None:
        self.to(self._done + count)

    def to(self, done: int, _total: int = 0) -> None:
        self._done = done
        percent = 100 * done // max(self._total, 1)
        if percent != self._percent:
            self._percent = percent
            self._report(done)


async def _reported(work: Callable[[Report], Awaitable[None]]) -> AsyncGenerator[Json, None]:
    """Run ``work`` and yield what it reports; closing the generator cancels the work."""
    reports: asyncio.Queue[Json | None] = asyncio.Queue()

    async def run() -> None:
        try:
            await work(reports.put_nowait)
        finally:
            reports.put_nowait(None)

    task = asyncio.create_task(run())
    try:
        while (report := await reports.get()) is not None:
            yield report
        await task
    finally:
        task.cancel()
        await asyncio.wait([task])
