"""Starts, stops and restarts the embedded server, and goes back when a start fails."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

from PySide6.QtCore import QCoreApplication, QObject, Signal

from puna.config.network import Address
from puna.config.sources import Loaded, load_process
from puna.desktop.port_owner import find_owner, free_port
from puna.errors import AddressInUse, PunaError
from puna.gui.server_state import Server, ServerState
from puna.gui.tasks import Tasks
from puna.server.embedded import EmbeddedServer
from puna.server.sockets import listen

logger = logging.getLogger(__name__)


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


class ServerControl(Server):
    """The server of this program; it runs in a thread of its own.

    Signals:
        port_taken: the address, its owner, and a port that is free.
    """

    port_taken = Signal(object, object, int)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(load_process()[0].settings.host.url, parent)
        self.tasks = Tasks(self)
        self._server: EmbeddedServer | None = None
        self._loaded: Loaded | None = None

    def start(self) -> None:
        """Start with the settings of now."""
        self._begin(load_process()[0])

    def start_on(self, port: int) -> None:
        """Start at another port this time; the settings keep theirs."""
        loaded = load_process()[0]
        here = replace(loaded.settings.host, port=port)
        self._begin(replace(loaded, settings=replace(loaded.settings, host=here)))

    def use_external(self, url: str) -> None:
        """Run no server; use the one at ``url`` as it is."""
        self._become(ServerState.EXTERNAL, url=url)

    def stop(self) -> None:
        """Stop; answers in progress end with an error line."""
        if self.state is ServerState.RUNNING:
            self.tasks.start("server", self._stop())

    def restart(self) -> None:
        """Start anew with saved settings.

        A new address is tried before the old server is touched; when the new
        server does not come up, one with the old settings takes its place.
        :attr:`problem` then says why.
        """
        if self.state is ServerState.RUNNING:
            self.tasks.start("server", self._restart())
        else:
            self.start()

    async def aclose(self) -> None:
        """Stop the server and wait for its end."""
        await self.tasks.aclose()
        if self._server is not None:
            await asyncio.to_thread(self._server.stop)
            self._server = None

    def _begin(self, loaded: Loaded) -> None:
        if self.state in (ServerState.STOPPED, ServerState.FAILED, ServerState.EXTERNAL):
            self.tasks.start("server", self._start(loaded))

    async def _start(self, loaded: Loaded) -> None:
        self._become(ServerState.STARTING)
        try:
            url = await self._run(loaded)
        except AddressInUse as error:
            self._become(ServerState.FAILED, problem=_words(error, loaded))
            await self._tell_owner(loaded.settings.host)
        except PunaError as error:
            self._become(ServerState.FAILED, problem=str(error))
        else:
            self._become(ServerState.RUNNING, url=url)

    async def _run(self, loaded: Loaded) -> str:
        """Start a server and return its URL."""
        for warning in loaded.warnings:
            logger.warning("%s", warning)
        server = EmbeddedServer(loaded, load_process()[1])
        await asyncio.to_thread(server.start)
        self._server, self._loaded = server, loaded
        return server.address.url

    async def _stop(self) -> None:
        self._become(ServerState.STOPPING)
        server, self._server = self._server, None
        if server is not None:
            await asyncio.to_thread(server.stop)
        self._become(ServerState.STOPPED)

    async def _restart(self) -> None:
        old, new = self._loaded, load_process()[0]
        if old is not None and new.settings.host != old.settings.host:
            try:
                _probe(new.settings.host)
            except PunaError as error:
                self._become(ServerState.RUNNING, problem=_words(error, new))
                return
        await self._stop()
        try:
            url = await self._run(new)
        except PunaError as error:
            await self._roll_back(old, _words(error, new))
        else:
            self._become(ServerState.RUNNING, url=url)

    async def _roll_back(self, old: Loaded | None, problem: str) -> None:
        if old is None:
            self._become(ServerState.FAILED, problem=problem)
            return
        await self._start(old)
        if self.state is ServerState.RUNNING:
            self._become(ServerState.RUNNING, problem=problem)

    async def _tell_owner(self, address: Address) -> None:
        owner = await asyncio.to_thread(find_owner, address)
        port = await asyncio.to_thread(free_port, address)
        self.port_taken.emit(address, owner, port)


def _probe(address: Address) -> None:
    """Bind and let go, to know that it can be bound.

    Raises:
        PunaError: it cannot.
    """
    for one in listen(address):
        one.close()


def _words(error: PunaError, loaded: Loaded) -> str:
    """Why a start failed, as people say it; other errors already do."""
    if isinstance(error, AddressInUse):
        return tr("The address {0} is in use.").format(loaded.settings.host.netloc)
    return str(error)
