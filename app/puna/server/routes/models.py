"""The library: tags, ps, show, copy, delete, and OpenAI's list of models."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import native as wire
from puna.api import openai
from puna.api.gojson import dumps
from puna.server import documents
from puna.server.asgi import is_bare
from puna.server.routes.common import empty, read, running, services
from puna.server.streaming import JSON, json_response
from puna.server.translate import models as translate
from puna.services.listing import ListedModel, Listing

router = APIRouter()

_JSON = "application/json"


@router.head("/api/tags", include_in_schema=False)
@router.get("/api/tags", response_model=wire.ListResponse)
async def tags(request: Request) -> Response:
    """The installed models, newest first."""
    body = _tags(await services(request).models.listed())
    return Response(body, media_type=JSON)


@router.get("/api/ps", response_model=wire.ProcessResponse)
async def ps(request: Request) -> Response:
    """The models in memory."""
    found = services(request).running.list()
    return json_response({"models": [translate.running(model) for model in found]})


@router.post(
    "/api/show",
    openapi_extra=documents.body(wire.ShowRequest),
    responses=documents.answers(wire.ShowResponse, 400, 403, 404, 500),
)
async def show(request: Request) -> Response:
    """All there is to say of one model."""
    body = await read(request, wire.ShowRequest)
    asked = body.model or body.name
    result = await services(request).models.show(
        asked, system=body.system, options=body.options, verbose=body.verbose
    )
    agent = request.headers.get("user-agent", "")
    return json_response(translate.shown(result, asked, agent))


@router.post(
    "/api/copy",
    response_class=Response,
    openapi_extra=documents.body(wire.CopyRequest),
    responses=documents.failures(400, 404, 500, 507),
)
async def copy(request: Request) -> Response:
    """Give a model a second name."""
    body = await read(request, wire.CopyRequest)
    await services(request).models.copy(body.source, body.destination)
    services(request).notices.publish("models_changed")
    return empty()


@router.delete(
    "/api/delete",
    response_class=Response,
    openapi_extra=documents.body(wire.DeleteRequest),
    responses=documents.failures(400, 404, 500),
)
async def delete(request: Request) -> Response:
    """Remove a model."""
    body = await read(request, wire.DeleteRequest)
    await services(request).models.delete(body.model or body.name)
    services(request).notices.publish("models_changed")
    return empty()


@router.get("/v1/models", response_model=openai.ModelList)
async def openai_models(request: Request) -> Response:
    """The installed models, as OpenAI's API lists them."""
    listing = await services(request).models.listed()
    data = [_entry(request, model) for model in listing.models]
    return json_response({"object": "list", "data": data}, media_type=_JSON, newline=True)


@router.get(
    "/v1/models/{model:path}",
    responses=documents.answers(openai.Model, 400, 403, 404, error=openai.ErrorResponse),
)
async def openai_model(model: str, request: Request) -> Response:
    """One installed model."""
    running(request)
    found = await services(request).models.show(model)
    entry = translate.openai_model(model, found.name, found.modified)
    if not is_bare(request.scope):
        loaded = services(request).running.find(found.name)
        entry |= translate.abilities(found.capabilities, found.context_length, loaded)
    return json_response(entry, media_type=_JSON, newline=True)


@lru_cache(maxsize=1)
def _tags(listing: Listing) -> bytes:
    """The answer of ``/api/tags``, made once for as long as the list stays the same."""
    return dumps({"models": [translate.listed(model) for model in listing.models]})


def _entry(request: Request, model: ListedModel) -> dict[str, Any]:
    entry = translate.openai_model(model.name, model.name, model.modified)
    if is_bare(request.scope):
        return entry
    loaded = services(request).running.find(model.name)
    return entry | translate.abilities(model.capabilities, model.details.context_length, loaded)
