"""Programs that write a model file, each in a process that may die of a damaged one.

They say on stdout how it goes, one JSON object per line.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from puna.engine import launch, loop_thread


class Tool:
    """Starts one of the programs of ``puna runner``.

    Args:
        environment: the variables of this process; the child gets a safe part of them.
        runner_command: how to start a runner.
    """

    def __init__(
        self, environment: Mapping[str, str], runner_command: Sequence[str] | None = None
    ) -> None:
        self._environment = launch.runner_environment(environment)
        self._command = tuple(runner_command or launch.runner_command())

    async def run(self, *arguments: str, job: bytes = b"") -> AsyncGenerator[dict[str, Any], None]:
        """Run a program; it is killed when the caller stops listening.

        Args:
            arguments: of the program, its name first.
            job: what it reads from stdin.

        Yields:
            Each object that it says.
        """
        with loop_thread.here().anywhere():
            process = await asyncio.create_subprocess_exec(
                *self._command,
                *arguments,
                env=self._environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                **launch.detached(),
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(job)
                await process.stdin.drain()
                process.stdin.close()
            async for line in process.stdout:
                yield _message(line)
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()


def _message(line: bytes) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
