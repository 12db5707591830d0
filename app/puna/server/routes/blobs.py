"""``/api/blobs``: upload of the files a model is made of."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.errors import BlobNotFound, DigestMismatch, InvalidInput
from puna.registry.threads import WriteBehind, settled
from puna.server import bodies, documents
from puna.server.routes.common import empty, services
from puna.store.blobs import BlobStore
from puna.store.digest import Digest

router = APIRouter()

_FAILURES = documents.failures(400, 507)


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
    """Write the body, and hash it on the way, while more of it comes in."""
    with blobs.writer() as writer:
        behind = WriteBehind(writer.write)
        try:
            async for chunk in bodies.stream(request):
                await behind.add(chunk)
        finally:
            await behind.flush()
        await settled(writer.commit, wanted)
