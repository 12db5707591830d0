"""Everything a server serves with, in one place."""

from __future__ import annotations

from dataclasses import dataclass

from puna.services.configuration import Configuration
from puna.services.notices import Notices


@dataclass(slots=True)
class Services:
    """The use cases, ready to be called by routes."""

    configuration: Configuration
    notices: Notices

    async def start(self) -> None:
        """Open the store and begin background work."""

    async def aclose(self) -> None:
        """Stop background work, then the runners, then the store."""
