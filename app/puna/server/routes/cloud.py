"""Account and cloud routes: this server has neither, and says so as Ollama does offline."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.errors import Forbidden, InvalidInput, PunaError
from puna.server import bodies
from puna.server.routes.common import services
from puna.server.streaming import json_response
from puna.services import catalogue

router = APIRouter()


@router.post("/api/me", status_code=503)
async def account() -> Response:
    """Nobody is signed in."""
    return json_response({"error": "account unavailable"}, 503)


@router.post("/api/signout", status_code=500)
async def sign_out() -> Response:
    """Nobody is signed in."""
    raise PunaError("there was an error signing out")


@router.delete("/api/user/keys/{key}", status_code=500)
async def remove_key(key: str) -> Response:
    """Nobody is signed in."""
    raise PunaError("there was an error signing out")


@router.post("/api/experimental/web_search", status_code=403)
async def web_search(request: Request) -> Response:
    """The search of Ollama's cloud."""
    return await _unavailable(request, "web search")


@router.post("/api/experimental/web_fetch", status_code=403)
async def web_fetch(request: Request) -> Response:
    """The fetch of Ollama's cloud."""
    return await _unavailable(request, "web fetch")


async def _unavailable(request: Request, what: str) -> Response:
    limit = services(request).configuration.current.max_body
    if not (await bodies.read(request, limit)).strip():
        raise InvalidInput("missing request body")
    raise Forbidden(f"ollama cloud is disabled: {what} is unavailable")


@router.get("/api/experimental/model-recommendations")
async def recommendations() -> Response:
    """Models to begin with, as Ollama tells them."""
    return json_response({"recommendations": catalogue.recommendations()})
