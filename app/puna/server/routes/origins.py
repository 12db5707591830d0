"""``/api/origins``: decisions about web pages that want to use the server."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import extensions as wire
from puna.errors import InvalidInput
from puna.server import documents
from puna.server.routes.admin import require_admin
from puna.server.routes.common import read, services
from puna.server.streaming import json_response
from puna.services.origins import Decision

router = APIRouter()


@router.post(
    "/api/origins",
    openapi_extra=documents.body(wire.OriginDecision),
    responses=documents.answers(wire.OriginDecided, 400, 401, 403, 409),
)
async def decide(request: Request) -> Response:
    """Let pages of an origin in, once or always, or never; needs the admin token."""
    require_admin(request)
    body = await read(request, wire.OriginDecision)
    try:
        decision = Decision(body.decision)
    except ValueError:
        words = ", ".join(f'"{item.value}"' for item in Decision)
        raise InvalidInput(f"decision must be one of {words}") from None
    services(request).origins.decide(body.origin, decision)
    return json_response({"origin": body.origin, "decision": decision.value})
