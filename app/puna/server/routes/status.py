"""Routes about the server itself: ``/``, version, status, settings and events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from puna.api.native import (
    ServerStatus,
    SettingsApplied,
    SettingsChange,
    SettingsResponse,
    VersionResponse,
)
from puna.config.sources import Origin
from puna.server import documents
from puna.server.gate import ROOT_TEXT, VERSION_BODY
from puna.server.routes.admin import require_admin
from puna.server.routes.common import read, services
from puna.server.streaming import NDJSON, json_response, line, streamed
from puna.services.notices import Notices

router = APIRouter()


@router.head("/", include_in_schema=False)
@router.get("/", response_class=PlainTextResponse)
async def root() -> Response:
    """Say that a server is here."""
    return PlainTextResponse(ROOT_TEXT)


@router.head("/api/version", include_in_schema=False)
@router.get("/api/version", response_model=VersionResponse)
async def version() -> Response:
    """The Ollama release this API is compatible with."""
    return Response(VERSION_BODY, media_type="application/json; charset=utf-8")


@router.get("/api/status", response_model=ServerStatus)
async def status(request: Request) -> Response:
    """Whether models that run elsewhere are switched off, and by whom."""
    configuration = services(request).configuration
    disabled = configuration.current.no_cloud
    origin = configuration.loaded.origins["no_cloud"]
    source = "config" if origin is Origin.FILE else "env"
    return json_response(
        {"cloud": {"disabled": disabled, "source": source if disabled else "none"}}
    )


@router.get("/api/settings", response_model=SettingsResponse)
async def settings(request: Request) -> Response:
    """All settings with their values and origins."""
    return json_response({"settings": services(request).configuration.describe()})


@router.put(
    "/api/settings",
    openapi_extra=documents.body(SettingsChange),
    responses=documents.answers(SettingsApplied, 400, 401, 403),
)
async def change_settings(request: Request) -> Response:
    """Change settings; needs the admin token and refuses web pages."""
    require_admin(request)
    change = await read(request, SettingsChange)
    outcome = services(request).configuration.apply(change.changes)
    return json_response(
        {
            "applied": outcome.applied,
            "restart_required": outcome.restart_required,
            "locked": outcome.locked,
        }
    )


@router.get("/api/events")
async def events(request: Request) -> Response:
    """What happens in the server, as it happens: one JSON object per line."""
    return await streamed(_lines(services(request).notices), NDJSON)


async def _lines(notices: Notices) -> AsyncIterator[bytes]:
    yield line({"type": "connected"})
    async for notice in notices.watch():
        yield line(notice)
