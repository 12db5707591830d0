"""``/api/create``."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import native as wire
from puna.errors import BlobNotFound, StoreError
from puna.server import documents
from puna.server.asgi import is_bare
from puna.server.routes.common import read, services
from puna.server.routes.transfers import status_object, status_response
from puna.server.streaming import NDJSON
from puna.server.translate.creation import create_request
from puna.services.create_request import CreateRequest, check_fields
from puna.services.hub import Services

router = APIRouter()


@router.post(
    "/api/create",
    openapi_extra=documents.body(wire.CreateRequest),
    responses=documents.answers(wire.StatusLine, 400, 404, 500, 507, stream=NDJSON),
)
async def create(request: Request) -> Response:
    """Make a model of another one, of uploaded files, or as a stub of a remote one."""
    body = await read(request, wire.CreateRequest)
    asked = create_request(body)
    check_fields(asked)
    objects = _objects(services(request), asked)
    try:
        return await status_response(request, objects, body.stream is not False)
    except BlobNotFound as error:
        if is_bare(request.scope):
            raise StoreError(str(error)) from error
        raise


async def _objects(found: Services, asked: CreateRequest) -> AsyncGenerator[dict[str, Any], None]:
    """The lines, and word to the watchers when all went well."""
    async with aclosing(found.creation.create(asked)) as statuses:
        async for status in statuses:
            yield status_object(status)
    found.notices.publish("models_changed")
