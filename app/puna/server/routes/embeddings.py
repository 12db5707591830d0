"""``/api/embed``, ``/api/embeddings`` and ``/v1/embeddings``."""

from __future__ import annotations

import time

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import native as wire
from puna.api import openai
from puna.errors import ContextExceeded, InvalidInput, RunnerError
from puna.server import documents
from puna.server.asgi import is_bare
from puna.server.routes.common import read, running, services
from puna.server.streaming import json_response
from puna.server.translate import embeddings

router = APIRouter()


@router.post(
    "/api/embed",
    openapi_extra=documents.body(wire.EmbedRequest),
    responses=documents.answers(wire.EmbedResponse, 400, 404, 500, 503),
)
async def embed(request: Request) -> Response:
    """Vectors of texts."""
    began = time.monotonic_ns()
    body = await read(request, wire.EmbedRequest)
    found = await services(request).embedder.embed(embeddings.embed_request(body))
    total = time.monotonic_ns() - began
    counts = not is_bare(request.scope)
    answer = embeddings.embed_response(body.model, found, total, counts=counts)
    return json_response(answer, headers=embeddings.cut_header(found.cut))


@router.post(
    "/api/embeddings",
    openapi_extra=documents.body(wire.EmbeddingRequest),
    responses=documents.answers(wire.EmbeddingResponse, 400, 404, 500, 503),
)
async def embed_one(request: Request) -> Response:
    """The vector of one text, which is never cut."""
    body = await read(request, wire.EmbeddingRequest)
    if not body.model:
        raise InvalidInput("model is required")
    try:
        found = await services(request).embedder.embed(embeddings.legacy_request(body))
    except ContextExceeded as error:  # this route knows no other status for it
        raise RunnerError(str(error)) from error
    return json_response({"embedding": next(iter(embeddings.as_json(found)), [])})


@router.post(
    "/v1/embeddings",
    openapi_extra=documents.body(openai.EmbeddingsRequest),
    responses=documents.answers(
        openai.EmbeddingList, 400, 404, 500, 503, error=openai.ErrorResponse
    ),
)
async def openai_embeddings(request: Request) -> Response:
    """Vectors of texts, as OpenAI's API gives them."""
    body = await read(request, openai.EmbeddingsRequest)
    embeddings.check_openai(body)
    running(request)
    by_their_sdk = "x-stainless-lang" in request.headers
    asked = embeddings.openai_request(body, by_their_sdk=by_their_sdk)
    found = await services(request).embedder.embed(asked)
    counts = not is_bare(request.scope)
    answer = embeddings.openai_response(body.model, found, body.encoding_format, counts=counts)
    headers = embeddings.cut_header(found.cut)
    return json_response(answer, media_type="application/json", newline=True, headers=headers)
