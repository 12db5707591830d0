from __future__ import annotations

import asyncio
import os
import signal
import sys

import pytest

from puna.engine.child import Child

from .conftest import until

_SPIN = "print(flush=True)\nwhile True: pass"
_SPIN_BESIDE_MAIN = """
import threading
threading.Thread(target=exec, args=("while True: pass",)).start()
print(flush=True)
threading.Event().wait()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells of threads")
@pytest.mark.parametrize("code", [_SPIN, _SPIN_BESIDE_MAIN], ids=["main", "other"])
async def test_a_thread_that_waits_for_a_cpu_is_told_from_a_standstill(code: str) -> None:
    said = asyncio.Event()
    child = await Child.spawn(
        [sys.executable, "-c", code],
        os.environ,
        on_output=lambda data: said.set(),
        on_log=lambda data: None,
        on_end=lambda: None,
    )
    await said.wait()
    await until(lambda: child.cpu_seconds() is None)
    os.kill(child.pid, signal.SIGSTOP)
    await until(lambda: child.cpu_seconds() is not None)
    assert child.cpu_seconds() == child.cpu_seconds()
    await child.destroy()
