"""A server that is killed takes its runners with it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import psutil
import pytest

from .conftest import SCRIPTED_RUNNER, until

OWNER = """
import asyncio, os, sys
from puna.engine.config import EngineConfig, ModelSpec
from puna.engine.scheduler import Scheduler
from puna.runner.protocol import LoadOptions

async def main():
    scheduler = Scheduler(
        EngineConfig(), environment=os.environ, runner_command=[sys.executable, sys.argv[1]]
    )
    async with scheduler.acquire(ModelSpec("k", "m", LoadOptions(paths=("m",))), None) as lease:
        print(lease.instance.runner.pid, flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["kill", "terminate"])
async def test_a_runner_does_not_outlive_its_owner(tmp_path: Path, end: str) -> None:
    script = tmp_path / "owner.py"
    script.write_text(OWNER)
    owner = await asyncio.create_subprocess_exec(
        sys.executable, str(script), str(SCRIPTED_RUNNER), stdout=asyncio.subprocess.PIPE
    )
    assert owner.stdout is not None
    runner = psutil.Process(int(await owner.stdout.readline()))
    getattr(owner, end)()
    await owner.wait()
    await until(lambda: not runner.is_running() or runner.status() == psutil.STATUS_ZOMBIE)
    owner._transport.close()  # type: ignore[attr-defined]
