"""Conversion of models in the form of Hugging Face, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

from puna.engine.tools import Tool
from puna.errors import InvalidInput, RunnerError

_FAILED = "the process that converts the model ended without a result"


class Converter:
    """Starts ``puna runner convert``.

    Args:
        environment: the variables of this process; the child gets a safe part of them.
        runner_command: how to start a runner.
    """

    def __init__(
        self, environment: Mapping[str, str], runner_command: Sequence[str] | None = None
    ) -> None:
        self._tool = Tool(environment, runner_command)

    async def convert(
        self, files: Mapping[str, Path], base: Path | None, target: Path
    ) -> AsyncGenerator[float, None]:
        """Write a model, or the adapter for a model, to ``target``.

        Args:
            files: name of each file in its folder → where it is.
            base: the GGUF file that an adapter is for; ``None`` for a model.
            target: is written.

        Yields:
            How far it is, from 0 to 1.

        Raises:
            InvalidInput: the files are damaged, or cannot be converted.
            OSError: one cannot be read, or ``target`` not be written.
            RunnerError: the process ended.
        """
        job = {
            "files": {name: str(path) for name, path in files.items()},
            "base": None if base is None else str(base),
            "target": str(target),
        }
        last: dict[str, Any] = {}
        running = self._tool.run("convert", job=json.dumps(job).encode())
        async with contextlib.aclosing(running) as messages:
            async for last in messages:
                if "progress" in last:
                    yield float(last["progress"])
        if not last.get("done"):
            await asyncio.to_thread(target.unlink, missing_ok=True)
            raise _error(last)


def _error(message: Mapping[str, Any]) -> Exception:
    text = str(message.get("error", _FAILED))
    if message.get("kind") == "input":
        return InvalidInput(text)
    if message.get("kind") == "system":
        return OSError(message.get("errno"), text)
    return RunnerError(text)
