"""One uvicorn server around the gate: what the foreground and the embedded server share."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn

from puna.config.paths import Folders
from puna.config.sources import Loaded
from puna.engine import loop_thread
from puna.server import framing
from puna.server.gate import Application, Gate

_GRACE_SECONDS = 5
_KEEP_ALIVE_SECONDS = 75
_MAX_CONNECTIONS = 512
_TICK_SECONDS = 1.0


class HttpServer(uvicorn.Server):
    """Serves on sockets that are bound already and leaves signals alone."""

    def __init__(self, loaded: Loaded, folders: Folders) -> None:
        def load() -> Application:
            from puna.server.composition import compose

            return compose(loaded, folders)

        self.gate = Gate(loaded.settings, load)
        self._stopping = asyncio.Event()
        super().__init__(
            uvicorn.Config(
                self.gate,
                loop="asyncio",
                lifespan="on",
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                limit_concurrency=_MAX_CONNECTIONS,
                timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                timeout_graceful_shutdown=_GRACE_SECONDS,
                **framing.uvicorn_options(),
            )
        )

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Do nothing: who runs the server decides what a signal means."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end; uvicorn's own loop wakes ten times a second to look for it."""
        while not await self.on_tick(0):  # renews the date of the answers
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), _TICK_SECONDS)

    def run_on(self, sockets: list[socket.socket]) -> None:
        """Serve until :meth:`begin_stop`, on a loop of the calling thread."""
        with asyncio.Runner() as runner:
            runner.get_loop().set_default_executor(loop_thread.here().executor())
            runner.run(self.serve(sockets=sockets))

    def begin_stop(self) -> None:
        """End live streams with an error, then the server; loop thread only."""
        self.gate.drain()
        self.should_exit = True
        self._stopping.set()
