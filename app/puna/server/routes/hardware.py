"""The route about the machine and what models take of it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api.hardware import HardwareResponse
from puna.server.routes.common import services
from puna.server.streaming import json_response
from puna.server.translate import hardware as translate
from puna.services import hardware

router = APIRouter()


@router.get("/api/hardware", response_model=HardwareResponse)
async def show_hardware(request: Request) -> Response:
    """Devices, memory, and how each loaded model sits in them."""
    found = hardware.look(services(request).scheduler)
    return json_response(translate.shown(found).model_dump())
