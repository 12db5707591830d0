"""``/v1/responses``."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import responses as wire
from puna.api.openai import ErrorResponse
from puna.chat.events import Event
from puna.errors import InvalidInput, PunaError
from puna.server import documents
from puna.server.routes.answers import (
    STREAM_HEADERS,
    answer_headers,
    begun,
    in_one_object,
)
from puna.server.routes.common import from_client, read, running, services
from puna.server.streaming import SSE, event, json_response, streamed
from puna.server.translate import responses
from puna.server.translate.responses_answer import Named, ResponseStream, whole

router = APIRouter()


@router.post(
    "/v1/responses",
    openapi_extra=documents.body(wire.ResponsesRequest),
    responses=documents.answers(
        wire.ResponsesResponse, 400, 403, 404, 500, 503, stream=SSE, error=ErrorResponse
    ),
)
async def create_response(request: Request) -> Response:
    """Continue a conversation; nothing is stored."""
    created = int(time.time())
    body = await read(request, wire.ResponsesRequest, media=True)
    answers = services(request).inference.chat(from_client(request, responses.to_chat(body)))
    running(request)
    if body.stream:
        request.state.stream_headers = STREAM_HEADERS  # a refusal carries them too
    first, events = await begun(answers)
    if body.stream:
        stream = ResponseStream(body)
        return await streamed(
            _pieces(events, stream),
            SSE,
            lambda error: _failed(stream, error),
            {**STREAM_HEADERS, **answer_headers(first)},
        )
    return await in_one_object(lambda found: whole(body, found, created), first, events)


@router.post(
    "/v1/responses/input_tokens",
    openapi_extra=documents.body(wire.ResponsesRequest),
    responses=documents.answers(wire.InputTokens, 400, 403, 404, 500, 503, error=ErrorResponse),
)
async def count_input_tokens(request: Request) -> Response:
    """How many tokens the prompt of a request has, as OpenAI's API counts them."""
    body = await read(request, wire.ResponsesRequest, media=True)
    asked = responses.to_chat(body)
    if not asked.messages:
        raise InvalidInput("input is required")
    running(request)
    count = await services(request).tokens.count(asked)
    found = {"object": "response.input_tokens", "input_tokens": count}
    return json_response(found, media_type="application/json", newline=True)


async def _pieces(
    answers: AsyncGenerator[Event, None], stream: ResponseStream
) -> AsyncIterator[bytes]:
    """The first piece waits for the first event, so an early error has a status of its own."""
    started = False
    async with aclosing(answers) as events:
        async for item in events:
            named = stream.events(item) if started else [*stream.start(), *stream.events(item)]
            started = True
            if named:
                yield _encoded(named)


def _encoded(named: list[Named]) -> bytes:
    return b"".join(event(data, name) for name, data in named)


def _failed(stream: ResponseStream, error: PunaError) -> bytes:
    return _encoded(stream.failed(error))
