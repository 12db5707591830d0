"""``/v1/messages`` and ``/v1/messages/count_tokens``."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import anthropic as wire
from puna.chat.events import Event
from puna.errors import PunaError
from puna.server import documents
from puna.server.asgi import is_bare
from puna.server.errors import anthropic_body
from puna.server.routes.answers import (
    STREAM_HEADERS,
    answer_headers,
    begun,
    in_one_object,
)
from puna.server.routes.common import from_client, read, running, services
from puna.server.streaming import SSE, event, json_response, streamed
from puna.server.translate import anthropic
from puna.server.translate.anthropic_answer import MessageStream, message

router = APIRouter()


@router.post(
    "/v1/messages",
    openapi_extra=documents.body(wire.MessagesRequest),
    responses=documents.answers(
        wire.MessagesResponse, 400, 403, 404, 500, 503, stream=SSE, error=wire.AnthropicError
    ),
)
async def messages(request: Request) -> Response:
    """Continue a conversation."""
    body = await read(request, wire.MessagesRequest, media=True)
    anthropic.check(body)
    answers = services(request).inference.chat(from_client(request, anthropic.to_chat(body)))
    running(request)
    if body.stream:
        request.state.stream_headers = STREAM_HEADERS  # a refusal carries them too
    first, events = await begun(answers)
    signed = not is_bare(request.scope)
    if body.stream:
        estimate = anthropic.estimated_tokens(body)
        pieces = _pieces(events, MessageStream(body.model, estimate, signed=signed))
        headers = {**STREAM_HEADERS, **answer_headers(first)}
        return await streamed(pieces, SSE, _failed, headers)
    return await in_one_object(partial(message, body.model, signed=signed), first, events)


async def _pieces(
    answers: AsyncGenerator[Event, None], stream: MessageStream
) -> AsyncIterator[bytes]:
    async with aclosing(answers) as events:
        async for item in events:
            pieces = stream.events(item)
            if pieces:
                yield b"".join(event(data, name) for name, data in pieces)


def _failed(error: PunaError) -> bytes:
    body = anthropic_body(error)
    return event({"type": "error", "error": body.get("error")}, "error")


@router.post(
    "/v1/messages/count_tokens",
    openapi_extra=documents.body(wire.MessagesRequest),
    responses=documents.answers(
        wire.TokenCount, 400, 403, 404, 500, 503, error=wire.AnthropicError
    ),
)
async def count_tokens(request: Request) -> Response:
    """How many tokens the prompt of a request has, by the model's own tokeniser."""
    body = await read(request, wire.MessagesRequest, media=True)
    body.max_tokens = max(body.max_tokens, 1)
    anthropic.check(body)
    running(request)
    count = await services(request).tokens.count(anthropic.to_chat(body))
    return json_response({"input_tokens": count}, media_type="application/json", newline=True)
