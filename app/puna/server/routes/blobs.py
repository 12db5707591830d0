"""``/api/blobs``: upload of the files a model is made of."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api.native import ErrorResponse
from puna.errors import BlobNotFound, DigestMismatch, InvalidInput
from puna.registry.threads import settled
from puna.server import bodies
from puna.server.routes.common import empty, services
from puna.store.blobs import BlobStore
from puna.store.digest import Digest

router = APIRouter()

_BATCH = 4 << 20
_FAILURES: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorResponse} for status in (400, 507)
}


@router.head("/api/blobs/{digest}", response_class=Response, responses={404: {}, **_FAILURES})
async def has_blob(digest: str, request: Request) -> Response:
    """Whether a blob is here."""
    wanted = Digest.parse(digest)
    if not services(request).store.blobs.exists(wanted):
        raise BlobNotFound(f"blob {wanted.short} not found")
    return empty()


@router.post(
    "/api/blobs/{digest}",
    response_class=Response,
    status_code=201,
    responses={200: {}, **_FAILURES},
)
async def upload_blob(digest: str, request: Request) -> Response:
    """Store the body under its digest; a blob that is here already is left alone."""
    wanted = Digest.parse(digest)
    blobs = services(request).store.blobs
    if await asyncio.to_thread(blobs.verify, wanted):
        await asyncio.to_thread(blobs.touch, wanted)
        return empty()
    try:
        await _receive(request, blobs, wanted)
    except DigestMismatch as error:
        raise InvalidInput(str(error)) from error
    return empty(201)


async def _receive(request: Request, blobs: BlobStore, wanted: Digest) -> None:
    """Write the body in large pieces, hashing it on the way."""
    with blobs.writer() as writer:
        batch = bytearray()
        async for chunk in bodies.stream(request):
            batch += chunk
            if len(batch) >= _BATCH:
                await settled(writer.write, bytes(batch))
                batch.clear()
        await settled(writer.write, bytes(batch))
        await settled(writer.commit, wanted)
