"""``/api/pull`` and ``/api/push``."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import native as wire
from puna.api.extensions import CatalogueResponse, EstimateRequest, EstimateResponse
from puna.errors import InvalidInput, InvalidName
from puna.names import ModelName, pull_name
from puna.server import documents
from puna.server.routes.common import read, running, services
from puna.server.streaming import NDJSON, json_response, line, streamed
from puna.server.translate import outlook as translate
from puna.services.broadcast import TransferStatus
from puna.services.catalogue import CATALOGUE, measured
from puna.services.create_request import CreateStatus
from puna.services.loading import Room
from puna.services.outlook import outlook

router = APIRouter()


@router.post(
    "/api/pull",
    openapi_extra=documents.body(wire.PullRequest),
    responses=documents.answers(wire.StatusLine, 400, 500, stream=NDJSON),
)
async def pull(request: Request) -> Response:
    """Fetch a model from its registry."""
    body = await read(request, wire.PullRequest)
    asked = body.model or body.name
    if not asked:
        raise InvalidName("invalid model name")
    name = ModelName.checked(pull_name(asked))
    transfers = services(request).transfers
    statuses = transfers.pull(name, insecure=body.insecure, background=body.background)
    return await status_response(request, _objects(statuses), body.stream is not False)


@router.post(
    "/api/estimate",
    openapi_extra=documents.body(EstimateRequest),
    responses=documents.answers(EstimateResponse, 400, 500),
)
async def estimate(request: Request) -> Response:
    """What a model of a registry would take of the disk and of memory; fetches its first MB."""
    body = await read(request, EstimateRequest)
    name = ModelName.checked(pull_name(body.model))
    found = services(request)
    survey = await found.transfers.survey(name, insecure=body.insecure)
    seen = outlook(survey, found.configuration.current, Room.of(found.scheduler))
    return json_response(translate.estimated(name.display, seen).model_dump())


@router.get("/api/catalogue", response_model=CatalogueResponse, responses=documents.failures(500))
async def offers(request: Request) -> Response:
    """Models to begin with, and what each would take of this machine; asks no registry."""
    found = services(request)
    free = await asyncio.to_thread(found.store.blobs.free_space)
    settings, room = found.configuration.current, Room.of(found.scheduler)
    models = [
        translate.offered(offer, measured(offer, free, settings, room)) for offer in CATALOGUE
    ]
    return json_response(CatalogueResponse(models=models).model_dump())


@router.post(
    "/api/push",
    openapi_extra=documents.body(wire.PushRequest),
    responses=documents.answers(wire.StatusLine, 400, 500, stream=NDJSON),
)
async def push(request: Request) -> Response:
    """Send a model to its registry."""
    body = await read(request, wire.PushRequest)
    asked = body.model or body.name
    if not asked:
        raise InvalidInput("model is required")
    name = ModelName.parse(asked)
    statuses = services(request).transfers.push(name, insecure=body.insecure)
    return await status_response(request, _objects(statuses), body.stream is not False)


async def _objects(
    statuses: AsyncGenerator[TransferStatus, None],
) -> AsyncGenerator[dict[str, Any], None]:
    async with aclosing(statuses):
        async for status in statuses:
            yield status_object(status)


def status_object(status: TransferStatus | CreateStatus) -> dict[str, Any]:
    """A line of progress; what is empty or 0 is left out."""
    found = {
        "status": status.status,
        "digest": status.digest,
        "total": status.total,
        "completed": status.completed,
    }
    return {key: value for key, value in found.items() if value or key == "status"}


async def status_response(
    request: Request, objects: AsyncGenerator[dict[str, Any], None], stream: bool
) -> Response:
    """All lines of a long operation, or only the last."""
    running(request, streaming=True)
    if stream:
        return await streamed(_lines(objects), NDJSON)
    last: dict[str, Any] = {}
    async for found in objects:
        last = found
    return json_response(last, media_type="application/json")


async def _lines(objects: AsyncGenerator[dict[str, Any], None]) -> AsyncIterator[bytes]:
    async with aclosing(objects):
        async for found in objects:
            yield line(found)
