"""``/api/rerank`` and ``/v1/rerank``."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from puna.api import extensions as wire
from puna.api.openai import ErrorResponse
from puna.errors import InvalidInput
from puna.server import documents
from puna.server.routes.common import read, running, services
from puna.server.streaming import json_response
from puna.server.translate.embeddings import cut_header
from puna.services.reranking import Ranking

router = APIRouter()


@router.post(
    "/api/rerank",
    openapi_extra=documents.body(wire.RerankRequest),
    responses=documents.answers(wire.RerankResponse, 400, 403, 404, 500, 503),
)
async def rerank(request: Request) -> Response:
    """Order documents by how well they answer a query."""
    return await _answer(request)


@router.post(
    "/v1/rerank",
    openapi_extra=documents.body(wire.RerankRequest),
    responses=documents.answers(wire.RerankResponse, 400, 403, 404, 500, 503, error=ErrorResponse),
)
async def rerank_v1(request: Request) -> Response:
    """The same, where clients of ranking services look for it."""
    return await _answer(request)


async def _answer(request: Request) -> Response:
    body = await read(request, wire.RerankRequest)
    if not body.model:
        raise InvalidInput("model is required")
    texts = [_text(item) for item in body.documents]
    running(request)
    keep_alive: float | None = body.keep_alive  # type: ignore[assignment]
    found = await services(request).reranker.rank(body.model, body.query, texts, keep_alive)
    return json_response(_object(body, found, texts), headers=cut_header(found.cut))


def _text(item: Any) -> str:
    match item:
        case str():
            return item
        case {"text": str(text)}:
            return text
        case _:
            raise InvalidInput("a document must be a text or an object with a text")


def _object(body: wire.RerankRequest, found: Ranking, texts: list[str]) -> dict[str, Any]:
    count = len(texts) if body.top_n is None else max(0, body.top_n)
    results = [
        {"index": item.index, "relevance_score": item.score}
        | ({"document": {"text": texts[item.index]}} if body.return_documents else {})
        for item in found.documents[:count]
    ]
    usage = {"prompt_tokens": found.tokens, "total_tokens": found.tokens}
    return {"model": body.model, "object": "list", "results": results, "usage": usage}
