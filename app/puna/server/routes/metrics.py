"""``/metrics``, for those who switched it on."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api.native import ErrorResponse
from puna.errors import NotFound
from puna.server.live import LiveRequests
from puna.server.routes.common import services
from puna.server.translate.metrics import CONTENT_TYPE, exposition

router = APIRouter()


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        404: {"model": ErrorResponse},
    },
)
async def metrics(request: Request) -> Response:
    """Figures in the text format of Prometheus; needs the setting ``PUNA_METRICS``."""
    found = services(request)
    if not found.configuration.current.metrics:
        raise NotFound("metrics are switched off; PUNA_METRICS=1 switches them on")
    live: LiveRequests = request.app.state.live
    scheduler = found.scheduler
    text = exposition(found.metrics, scheduler.loaded(), live=len(live), waiting=scheduler.waiting)
    return Response(text, media_type=CONTENT_TYPE)
