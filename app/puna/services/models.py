"""The installed models: list, show, copy and delete.

Source: ``ollama-http-api`` contract, 5.5 and 5.7 to 5.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from puna.errors import Forbidden, InvalidInput, InvalidName, ModelNotFound
from puna.gotext import quote
from puna.names import ModelName, Source, pull_name, split_source
from puna.services.listing import Describe, Listing, Summaries
from puna.services.showing import ShowResult, show
from puna.store.installed import InstalledModel
from puna.store.store import Store

_CLOUD_DETAILS = "ollama cloud is disabled: remote model details are unavailable"
_REQUIRED = "model is required"


class Models:
    """Use cases on the library of one store.

    Args:
        store: the models.
        describe: what a model can do.
        variant: names the settings that ``describe`` depends on.
        memory: file in which the list is remembered between runs.
        after_removal: called in a thread when a model was deleted.
    """

    def __init__(
        self,
        store: Store,
        describe: Describe,
        *,
        variant: Callable[[], str] = str,
        memory: Path | None = None,
        after_removal: Callable[[], None] = lambda: None,
    ) -> None:
        self._library = store.library
        self._describe = describe
        self._after_removal = after_removal
        self._summaries = Summaries(describe, variant, memory)
        self._running: asyncio.Task[list[InstalledModel]] | None = None
        self._queued: asyncio.Task[list[InstalledModel]] | None = None

    async def installed(self) -> list[InstalledModel]:
        """All models, newest first.

        Callers that come while a look at the folder is under way share the
        next one: it starts after all of them asked, so none gets an old list.
        """
        if self._queued is None:
            self._queued = asyncio.create_task(self._scan_after(self._running))
        return await asyncio.shield(self._queued)

    async def listed(self) -> Listing:
        """All models as the list shows them, newest first."""
        models = await self.installed()
        return await asyncio.to_thread(self._summaries.listing, models)

    async def show(
        self,
        text: str,
        *,
        system: str = "",
        options: Mapping[str, Any] | None = None,
        verbose: bool = False,
    ) -> ShowResult:
        """All there is to say of one model; see :func:`puna.services.showing.show`.

        Raises:
            InvalidInput: no name, or not a name.
            Forbidden: a model of a cloud.
            ModelNotFound, StoreError, InvalidModelFile: as they say.
        """
        if not text.strip():
            raise InvalidInput(_REQUIRED)
        base, source = split_source(text)
        if source is Source.CLOUD:
            raise Forbidden(_CLOUD_DETAILS)
        name = ModelName.checked(base)

        def read() -> ShowResult:
            model = self._library.get(name)
            if model.config.is_remote and source is Source.LOCAL:
                raise ModelNotFound(text)
            return show(model, self._describe, system=system, options=options, verbose=verbose)

        return await asyncio.to_thread(read)

    async def copy(self, source: str, destination: str) -> None:
        """Give a model a second name; a model of that name is overwritten.

        Raises:
            InvalidInput: one of the names, or one that cannot be stored everywhere.
            ModelNotFound, StoreError, NoSpace: nothing changed.
        """
        names = ModelName.parse(source), ModelName.parse(destination)
        for role, name, text in zip(
            ("source", "destination"), names, (source, destination), strict=True
        ):
            if not name.is_valid:
                raise InvalidName(f"{role} {quote(text)} is invalid")
        try:
            await asyncio.to_thread(self._library.copy, *names)
        except ModelNotFound as error:
            raise ModelNotFound(source, f"model {quote(source)} not found") from error

    async def delete(self, text: str) -> None:
        """Remove a model, damaged or not, and the blobs that only it uses.

        Raises:
            InvalidInput: no name, or not a name.
            ModelNotFound, StoreError: nothing was removed.
        """
        if not text.strip():
            raise InvalidInput(_REQUIRED)
        name = ModelName.parse(pull_name(text))
        if not name.is_valid:
            raise InvalidName(f"name {quote(text)} is invalid")
        try:
            await asyncio.to_thread(self._library.remove, name)
        except ModelNotFound as error:
            raise ModelNotFound(text, f"model '{text}' not found") from error
        await asyncio.to_thread(self._after_removal)

    async def aclose(self) -> None:
        """Wait for what is still looking at the folder."""
        tasks = [task for task in (self._running, self._queued) if task is not None]
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _scan_after(
        self, running: asyncio.Task[list[InstalledModel]] | None
    ) -> list[InstalledModel]:
        if running is not None:
            await asyncio.wait([running])
        self._running, self._queued = self._queued, None
        return await asyncio.to_thread(self._library.list)
