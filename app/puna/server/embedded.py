"""The server inside another program: the tray app and the tests."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from puna.config.network import Address
from puna.config.paths import Folders
from puna.config.sources import Loaded
from puna.errors import PunaError
from puna.server.gate import Gate
from puna.server.running import HttpServer
from puna.server.sockets import listen

_START_SECONDS = 10.0
_READY_SECONDS = 30.0
_STOP_SECONDS = 20.0


async def _finish(gate: Gate) -> None:
    await gate.ready()


class EmbeddedServer:
    """A server in a thread of its own. ``start`` and ``stop`` may be called once each."""

    def __init__(self, loaded: Loaded, folders: Folders) -> None:
        self._loaded = loaded
        self._folders = folders
        self._server: _ThreadServer | None = None
        self._thread: threading.Thread | None = None
        self._address = loaded.settings.host

    @property
    def address(self) -> Address:
        """Where it listens; with the real port once it has started."""
        return self._address

    @property
    def is_running(self) -> bool:
        """The thread of the server lives."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Bind and serve.

        Raises:
            AddressInUse: another program has the port; nothing was started.
            PunaError: the server did not come up.
        """
        sockets = listen(self._address)
        wanted = self._address
        port: int = sockets[0].getsockname()[1]
        self._address = Address(wanted.scheme, wanted.host, port, wanted.path)
        server = self._server = _ThreadServer(self._loaded, self._folders)
        self._thread = threading.Thread(
            target=server.run_on, args=(sockets,), name="puna-server", daemon=True
        )
        self._thread.start()
        if not server.is_up.wait(_START_SECONDS) or not server.started:
            raise PunaError("the server did not start")

    def wait_ready(self, seconds: float = _READY_SECONDS) -> None:
        """Wait until models can be served.

        Raises:
            PunaError: they cannot, for instance since another Puna has the models folder.
        """
        if self._server is None:
            raise PunaError("the server was not started")
        self._server.wait_ready(seconds)

    def stop(self) -> None:
        """End streams with an error, close the socket, end the runners; returns when all is done."""
        if self._server is None or self._thread is None:
            return
        self._server.stop_from_outside()
        self._thread.join(_STOP_SECONDS)
        if self._thread.is_alive():
            raise PunaError("the server did not stop")


class _ThreadServer(HttpServer):
    """Says when it is up, and can be stopped from another thread."""

    def __init__(self, loaded: Loaded, folders: Folders) -> None:
        super().__init__(loaded, folders)
        self.is_up = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        """Start, then let the other thread know."""
        self._loop = asyncio.get_running_loop()
        try:
            await super().startup(sockets)  # type: ignore[arg-type]
        finally:
            self.is_up.set()

    def wait_ready(self, seconds: float) -> None:
        """Wait, in another thread, for the application."""
        assert self._loop is not None
        waiting = asyncio.run_coroutine_threadsafe(_finish(self.gate), self._loop)
        try:
            waiting.result(seconds)
        except TimeoutError as error:
            raise PunaError("the server did not become ready") from error

    def stop_from_outside(self) -> None:
        """Ask the loop to stop; a loop that has ended is fine."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.begin_stop)
