"""Starting ``puna serve`` for a command that finds no server."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

from puna.cli import console
from puna.errors import ServerUnreachable

_PATIENCE_S = 30.0
_POLL_S = 0.1
_LOG_NAME = "serve.log"
_SHOWN_BYTES = 2000
_WINDOWS_FLAGS: int = getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0) | getattr(
    subprocess, "CREATE_NO_WINDOW", 0
)


async def start(is_up: Callable[[], Awaitable[bool]], logs: Path) -> None:
    """Start a server that outlives this command, and wait until it answers.

    Raises:
        ServerUnreachable: it ends at once, or does not answer in 30 s.
    """
    log = logs / _LOG_NAME
    process = await asyncio.to_thread(_spawn, log)
    console.err(f"started puna server in the background, process {process.pid}, log {log}")
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while not await is_up():
                # Another command may have been faster; then ours finds the address taken.
                if process.poll() is not None and not await is_up():
                    raise ServerUnreachable(f"the server ended at once: {_last_line(log)}")
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise ServerUnreachable(f"timed out waiting for server to start, see {log}") from None


def _spawn(log: Path) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(  # noqa: S603 - our own program
            _command(),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            # A server must not get the Ctrl+C that is meant for the command.
            start_new_session=sys.platform != "win32",
            creationflags=_WINDOWS_FLAGS,
        )


def _command() -> list[str]:
    if getattr(sys, "frozen", False):
        return [sys.executable, "serve"]
    return [sys.executable, "-m", "puna", "serve"]


def _last_line(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _SHOWN_BYTES))
        lines = file.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"see {log}"
