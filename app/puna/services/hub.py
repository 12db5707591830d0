"""Everything a server serves with, in one place."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from puna.engine.scheduler import Scheduler
from puna.services.configuration import Configuration
from puna.services.creation import Creation
from puna.services.embedding import Embedder
from puna.services.inference import Inference
from puna.services.metrics import Metrics
from puna.services.models import Models
from puna.services.notices import Notices
from puna.services.origins import Origins
from puna.services.reranking import Reranker
from puna.services.running import Running
from puna.services.tokens import Tokens
from puna.services.transfers import Transfers
from puna.services.translated import Translations
from puna.store.store import Store


@dataclass(slots=True)
class Services:
    """The use cases, ready to be called by routes."""

    configuration: Configuration
    origins: Origins
    notices: Notices
    store: Store
    scheduler: Scheduler
    vocabularies: Scheduler
    models: Models
    running: Running
    inference: Inference
    embedder: Embedder
    tokens: Tokens
    reranker: Reranker
    metrics: Metrics
    transfers: Transfers
    creation: Creation
    translations: Translations

    async def start(self) -> None:
        """Open the store and get a runner ready.

        Raises:
            Conflict, StoreError: the models folder cannot be used.
        """
        await asyncio.to_thread(self._open)
        self.scheduler.start()

    def leaving(self) -> None:
        """The end has begun; :meth:`aclose` follows when the requests are over."""
        self.store.leaving()

    def _open(self) -> None:
        self.store.open()
        self.translations.tidy(self.store.blobs)

    async def aclose(self) -> None:
        """Stop transfers, then the runners, then give the store back."""
        await self.transfers.aclose()
        await asyncio.gather(self.scheduler.aclose(), self.vocabularies.aclose())
        await asyncio.to_thread(self.store.close)
