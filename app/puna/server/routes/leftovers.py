"""What lies in the models folder and belongs to no model."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api.extensions import LeftoversResponse
from puna.server import documents
from puna.server.routes.common import empty, services
from puna.server.streaming import json_response
from puna.server.translate import leftovers as translate
from puna.store.digest import Digest

router = APIRouter()


@router.get("/api/leftovers", response_model=LeftoversResponse, responses=documents.failures(500))
async def leftovers(request: Request) -> Response:
    """Files that no model uses, and downloads that were not finished."""
    found = await asyncio.to_thread(services(request).store.leftovers)
    return json_response(translate.shown(found).model_dump())


@router.delete("/api/leftovers", response_class=Response, responses=documents.failures(500))
async def remove_unused(request: Request) -> Response:
    """Remove the files that no model uses; unfinished downloads stay."""
    await asyncio.to_thread(services(request).store.remove_unused)
    return empty()


@router.delete(
    "/api/leftovers/{digest}",
    response_class=Response,
    responses=documents.failures(400, 404, 409, 500),
)
async def forget_download(digest: str, request: Request) -> Response:
    """Remove an unfinished download."""
    await asyncio.to_thread(services(request).store.forget_download, Digest.parse(digest))
    return empty()
