"""``/v1/chat/completions``."""

from __future__ import annotations

from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import openai as wire
from puna.chat.events import Finished
from puna.server import documents
from puna.server.asgi import is_bare
from puna.server.merging import merged
from puna.server.routes.answers import answer_headers, cut_fields
from puna.server.routes.common import from_client, read, running, services
from puna.server.streaming import SSE, json_response, streamed
from puna.server.translate import openai
from puna.server.translate.openai import ChatCompletions
from puna.services.requests import Rendered, Started

router = APIRouter()

_JSON = "application/json"


@router.post(
    "/v1/chat/completions",
    openapi_extra=documents.body(wire.ChatCompletionRequest),
    responses=documents.answers(
        wire.ChatCompletion, 400, 404, 500, 503, stream=SSE, error=wire.ErrorResponse
    ),
)
async def chat_completions(request: Request) -> Response:
    """Continue a conversation, as OpenAI's API does it."""
    body = await read(request, wire.ChatCompletionRequest, media=True)
    count = None if is_bare(request.scope) else body.n
    asked = [from_client(request, item) for item in openai.chat_requests(body, count)]
    running(request)
    usage = body.stream_options is not None and body.stream_options.include_usage
    shape = ChatCompletions(body.model, choices=len(asked), include_usage=usage)
    answers = merged([services(request).inference.chat(item) for item in asked])
    _, first = await anext(answers)
    if isinstance(first, Started) and body.stream:
        headers = answer_headers(first)
        return await streamed(shape.events(answers), SSE, openai.error_event, headers)
    async with aclosing(answers):
        if isinstance(first, Started):
            found, ends = await shape.whole(answers)
            headers = answer_headers(first, *ends)
            found |= cut_fields(request, *ends)
            return json_response(found, media_type=_JSON, newline=True, headers=headers)
        assert isinstance(first, Finished | Rendered)
        return json_response(shape.special(first), media_type=_JSON, newline=True)
