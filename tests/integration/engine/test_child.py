from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from puna.engine.child import Child

from .conftest import until


@pytest.mark.skipif(sys.platform == "win32", reason="stops a process by a signal")
async def test_what_waits_for_a_cpu_is_told_from_what_stands_still() -> None:
    said = asyncio.Event()
    child = await Child.spawn(
        [sys.executable, "-c", "print(flush=True)\nwhile True: pass"],
        os.environ,
        on_output=lambda data: said.set(),
        on_log=lambda data: None,
        on_end=lambda: None,
    )
    await said.wait()
    assert child.cpu_seconds() is None
    os.kill(child.pid, signal.SIGSTOP)
    await until(lambda: child.cpu_seconds() is not None)
    assert child.cpu_seconds() == child.cpu_seconds()
    await child.destroy()
