"""What the server is doing, and how to stop it: transfers and running requests."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import extensions as wire
from puna.errors import InvalidInput, NotFound
from puna.server import documents
from puna.server.live import LiveRequests
from puna.server.routes.common import empty, read, services
from puna.server.streaming import json_response
from puna.server.translate.timestamps import local
from puna.services.transfers import Job

router = APIRouter()


@router.post(
    "/api/cancel",
    openapi_extra=documents.body(wire.CancelRequest),
    responses=documents.answers(wire.CancelResponse, 400, 404),
)
async def cancel(request: Request) -> Response:
    """End a running request, named by the ``x-request-id`` it sent or was given."""
    body = await read(request, wire.CancelRequest)
    if not body.id:
        raise InvalidInput("id is required")
    live: LiveRequests = request.app.state.live
    count = live.cancel(body.id, asked_by=request.scope)
    if not count:
        raise NotFound(f"no running request has the id {body.id!r}")
    return json_response({"canceled": count})


@router.get("/api/jobs", response_model=wire.JobsResponse)
async def jobs(request: Request) -> Response:
    """The running pulls and pushes."""
    return json_response({"jobs": [_object(job) for job in services(request).transfers.jobs()]})


@router.delete(
    "/api/jobs/{number}",
    response_class=Response,
    responses=documents.failures(400, 404),
)
async def end_job(number: str, request: Request) -> Response:
    """End a pull or push; what was downloaded stays."""
    if not (number.isascii() and number.isdigit() and len(number) < 19):
        raise InvalidInput("a job is named by its number")
    await services(request).transfers.cancel(int(number))
    return empty()


def _object(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind.value,
        "model": job.name,
        "status": job.status,
        "total": job.total,
        "completed": job.completed,
        "started_at": local(job.started),
    }
