"""Conversion of model files, in a process that may die of a damaged one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

from puna.engine import launch
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
        self._environment = launch.runner_environment(environment)
        self._command = tuple(runner_command or launch.runner_command())

    async def quantize(self, source: Path, target: Path, kind: str) -> AsyncGenerator[float, None]:
        """Write ``source`` with weights of another type to ``target``.

        Yields:
            How far it is, from 0 to 1.

        Raises:
            RunnerError: it failed; ``target`` is not there.
        """
        process = await asyncio.create_subprocess_exec(
            *self._command,
            "quantize",
            str(source),
            str(target),
            kind,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            **launch.detached(),
        )
        assert process.stdout is not None
        last: dict[str, Any] = {}
        try:
            async for line in process.stdout:
                last = _message(line)
                if "progress" in last:
                    yield float(last["progress"])
        except BaseException:
            launch.kill(process, process.pid)
            raise
        finally:
            await process.wait()
        if not last.get("done"):
            await asyncio.to_thread(target.unlink, missing_ok=True)
            raise RunnerError(str(last.get("error", _FAILED)))


def _message(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
