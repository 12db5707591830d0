"""``/api/tokenize`` and ``/api/detokenize``."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import extensions as wire
from puna.errors import InvalidInput
from puna.server import documents
from puna.server.routes.common import read, running, services
from puna.server.streaming import json_response
from puna.server.translate import native
from puna.services.requests import ChatRequest, Controls

router = APIRouter()


@router.post(
    "/api/tokenize",
    openapi_extra=documents.body(wire.TokenizeRequest),
    responses=documents.answers(wire.TokenizeResponse, 400, 403, 404, 500, 503),
)
async def tokenize(request: Request) -> Response:
    """Token ids of a text, or of a conversation as the model reads it; loads no weights."""
    body = await read(request, wire.TokenizeRequest, media=True)
    if not body.model:
        raise InvalidInput("model is required")
    if (body.text is None) == (not body.messages):
        raise InvalidInput("either text or messages is required")
    running(request)
    tokens = services(request).tokens
    if body.text is None:
        found = await tokens.of_chat(_chat(body))
    else:
        found = await tokens.tokenize(body.model, body.text, add_special=body.add_special)
    return json_response({"model": body.model, "tokens": found, "count": len(found)})


def _chat(body: wire.TokenizeRequest) -> ChatRequest:
    messages = tuple(native.message(item) for item in body.messages)
    controls = Controls(think=body.think)  # type: ignore[arg-type]
    return ChatRequest(body.model, messages, controls=controls)


@router.post(
    "/api/detokenize",
    openapi_extra=documents.body(wire.DetokenizeRequest),
    responses=documents.answers(wire.DetokenizeResponse, 400, 403, 404, 500, 503),
)
async def detokenize(request: Request) -> Response:
    """Text of token ids."""
    body = await read(request, wire.DetokenizeRequest)
    if not body.model:
        raise InvalidInput("model is required")
    running(request)
    text = await services(request).tokens.detokenize(body.model, body.tokens)
    return json_response({"model": body.model, "text": text})
