"""``/api/generate`` and ``/api/chat``."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import native as wire
from puna.chat.events import Finished
from puna.server import documents
from puna.server.routes.answers import answer_headers, cut_fields
from puna.server.routes.common import from_client, read, running, services
from puna.server.streaming import NDJSON, json_response, streamed
from puna.server.translate import native
from puna.server.translate.native import ChatShape, GenerateShape, Shape
from puna.services.requests import Answer, Rendered, Started

router = APIRouter()


@router.post(
    "/api/chat",
    openapi_extra=documents.body(wire.ChatRequest),
    responses=documents.answers(wire.ChatResponse, 400, 403, 404, 500, 503, stream=NDJSON),
)
async def chat(request: Request) -> Response:
    """Continue a conversation; without messages load or unload the model."""
    began = time.monotonic_ns()
    body = await read(request, wire.ChatRequest, media=True)
    answers = services(request).inference.chat(from_client(request, native.chat_request(body)))
    return await _answer(request, answers, ChatShape(body.model, began), body.stream is not False)


@router.post(
    "/api/generate",
    openapi_extra=documents.body(wire.GenerateRequest),
    responses=documents.answers(wire.GenerateResponse, 400, 403, 404, 500, 503, stream=NDJSON),
)
async def generate(request: Request) -> Response:
    """Answer one prompt; an empty one loads or unloads the model."""
    began = time.monotonic_ns()
    body = await read(request, wire.GenerateRequest, media=True)
    answers = services(request).inference.generate(
        from_client(request, native.generate_request(body))
    )
    shape = GenerateShape(body.model, began)
    return await _answer(request, answers, shape, body.stream is not False)


async def _answer(
    request: Request, answers: AsyncGenerator[Answer, None], shape: Shape, stream: bool
) -> Response:
    first = await anext(answers)
    if isinstance(first, Started) and stream:
        running(request, streaming=True)
        pieces = native.lines(answers, shape, first.load_ns)
        return await streamed(pieces, NDJSON, headers=answer_headers(first))
    async with aclosing(answers):
        if isinstance(first, Started):
            running(request)
            piece, finished = await native.collected(answers)
            headers = answer_headers(first, finished)
            found = {**shape.final(piece, finished, first.load_ns), **cut_fields(request, finished)}
            return json_response(found, headers=headers)
        assert isinstance(first, Finished | Rendered)
        return json_response(shape.special(first))
