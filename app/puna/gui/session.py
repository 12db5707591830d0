"""The connection to one server and what it has told: models, loaded models, events."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from PySide6.QtCore import QObject, Signal

from puna.client.client import PunaClient
from puna.errors import NotFound, PunaError
from puna.gui.catalogue import InstalledModel, LoadedModel, installed_from, loaded_from
from puna.gui.tasks import Tasks

logger = logging.getLogger(__name__)

Connect = Callable[[str], PunaClient]
_POLL_S = 2.0
_RETRY_S = 3.0


class Session(QObject):
    """All the views' one connection.

    Signals:
        models_changed: :attr:`models` was read anew and differs.
        loaded_changed: :attr:`loaded` differs.
        connection_changed: the server began or ceased to answer, or is another one.
        origin_refused: a web page of this origin was turned away.

    Attributes:
        models: installed models, newest first.
        loaded: models in memory.
        version: of the server, empty while it does not answer.
    """

    models_changed = Signal()
    loaded_changed = Signal()
    connection_changed = Signal()
    origin_refused = Signal(str)

    def __init__(self, connect: Connect, url: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._connect = connect
        self._retired: list[PunaClient] = []
        self.client = connect(url)
        self.tasks = Tasks(self)
        self.models: tuple[InstalledModel, ...] = ()
        self.loaded: tuple[LoadedModel, ...] = ()
        self.version = ""

    @property
    def url(self) -> str:
        """Where requests go."""
        return self.client.base_url

    @property
    def is_connected(self) -> bool:
        """The server answered the last question."""
        return bool(self.version)

    def watch(self) -> None:
        """Keep :attr:`models` and :attr:`loaded` true from now on."""
        self.tasks.start("watch", self._watch())
        self.tasks.start("listen", self._listen())

    def retarget(self, url: str) -> None:
        """Talk to another server; views keep the session."""
        if url != self.url:
            self._retired.append(self.client)
            self.client = self._connect(url)
            self.connection_changed.emit()
        self.tasks.start("close", self._close_retired())
        self.watch()

    def refresh(self) -> None:
        """Ask again now."""
        self.tasks.start("refresh", self._refresh(), on_error=self._lost)

    def model(self, name: str) -> InstalledModel | None:
        """The installed model of that name."""
        return next((model for model in self.models if model.name == name), None)

    def loaded_model(self, name: str) -> LoadedModel | None:
        """The model in memory of that name."""
        return next((model for model in self.loaded if model.name == name), None)

    async def aclose(self) -> None:
        """Stop watching and close the connection."""
        await self.tasks.aclose()
        await self._close_retired()
        await self.client.aclose()

    async def _close_retired(self) -> None:
        while self._retired:
            await self._retired.pop().aclose()

    async def _watch(self) -> None:
        while True:
            try:
                await self._refresh()
            except PunaError as error:
                self._lost(error)
            await asyncio.sleep(_POLL_S)

    async def _refresh(self) -> None:
        version = self.version or await self.client.version()
        models = tuple(installed_from(row) for row in await self.client.tags())
        loaded = tuple(loaded_from(row) for row in await self.client.ps())
        self._learn(version, models, loaded)

    def _lost(self, _: PunaError) -> None:
        self._learn("", self.models, ())

    def _learn(
        self,
        version: str,
        models: tuple[InstalledModel, ...],
        loaded: tuple[LoadedModel, ...],
    ) -> None:
        old = (self.version, self.models, self.loaded)
        self.version, self.models, self.loaded = version, models, loaded
        if old[0] != version:
            self.connection_changed.emit()
        if old[1] != models:
            self.models_changed.emit()
        if old[2] != loaded:
            self.loaded_changed.emit()

    async def _listen(self) -> None:
        """Read the event stream; a server without one is only polled."""
        while True:
            try:
                async with aclosing(self.client.events()) as events:
                    async for event in events:
                        self._take(event)
            except NotFound:
                return
            except PunaError as error:
                logger.debug("the event stream ended: %s", error)
            await asyncio.sleep(_RETRY_S)

    def _take(self, event: dict[str, Any]) -> None:
        kind = event.get("type")
        if kind == "origin_refused":
            self.origin_refused.emit(str(event.get("origin", "")))
        elif kind in ("models_changed", "loaded_changed"):
            self.refresh()
