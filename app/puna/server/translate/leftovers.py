"""What belongs to no model, on the wire."""

from __future__ import annotations

from datetime import UTC, datetime

from puna.api.extensions import LeftoversResponse, UnfinishedEntry
from puna.server.translate.timestamps import local
from puna.store.partial import Unfinished
from puna.store.store import Leftovers


def shown(found: Leftovers) -> LeftoversResponse:
    """Answer of ``/api/leftovers``."""
    return LeftoversResponse(
        unused_files=found.files,
        unused_size=found.size,
        downloads=[_download(one) for one in found.downloads],
    )


def _download(one: Unfinished) -> UnfinishedEntry:
    return UnfinishedEntry(
        digest=str(one.digest),
        model=one.model,
        size=one.size,
        completed=one.completed,
        modified_at=local(datetime.fromtimestamp(one.touched, UTC)),
    )
