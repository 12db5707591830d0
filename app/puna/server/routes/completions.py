"""``/v1/completions``."""

from __future__ import annotations

from contextlib import aclosing

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import completions as wire
from puna.api.openai import ErrorResponse
from puna.server import documents
from puna.server.merging import merged
from puna.server.routes.answers import again, answer_headers, cut_fields
from puna.server.routes.common import from_client, read, running, services
from puna.server.streaming import SSE, json_response, streamed
from puna.server.translate import completions, openai

router = APIRouter()


@router.post(
    "/v1/completions",
    openapi_extra=documents.body(wire.CompletionRequest),
    responses=documents.answers(
        wire.Completion, 400, 403, 404, 500, 503, stream=SSE, error=ErrorResponse
    ),
)
async def create_completion(request: Request) -> Response:
    """Complete one prompt, or several at once."""
    body = await read(request, wire.CompletionRequest)
    asked = [from_client(request, item) for item in completions.generate_requests(body)]
    running(request)
    usage = body.stream_options is not None and body.stream_options.include_usage
    shape = completions.Completions(body.model, include_usage=usage)
    answers = merged([services(request).inference.generate(item) for item in asked])
    first = await anext(answers)
    answers = again(first, answers)
    if body.stream and not body.debug_render_only:
        headers = answer_headers(first[1])
        return await streamed(shape.events(answers), SSE, openai.error_event, headers)
    async with aclosing(answers):
        found, ends = await shape.whole(answers, len(asked))
    found |= cut_fields(request, *ends)
    headers = answer_headers(first[1], *ends)
    return json_response(found, media_type="application/json", newline=True, headers=headers)
