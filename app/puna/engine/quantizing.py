"""Conversion of model files to other types, in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

from puna.engine.tools import Tool
from puna.errors import RunnerError

_FAILED = "the file cannot be quantized"


class Quantizer:
    """Starts ``puna runner quantize``.

    Args:
        environment: the variables of this process; the child gets a safe part of them.
        runner_command: how to start a runner.
    """

    def __init__(
        self, environment: Mapping[str, str], runner_command: Sequence[str] | None = None
    ) -> None:
        self._tool = Tool(environment, runner_command)

    async def quantize(self, source: Path, target: Path, kind: str) -> AsyncGenerator[float, None]:
        """Write ``source`` with weights of another type to ``target``.

        Yields:
            How far it is, from 0 to 1.

        Raises:
            RunnerError: it failed; ``target`` is not there.
        """
        last: dict[str, Any] = {}
        running = self._tool.run("quantize", str(source), str(target), kind)
        async with contextlib.aclosing(running) as messages:
            async for last in messages:
                if "progress" in last:
                    yield float(last["progress"])
        if not last.get("done"):
            await asyncio.to_thread(target.unlink, missing_ok=True)
            raise RunnerError(str(last.get("error", _FAILED)))
