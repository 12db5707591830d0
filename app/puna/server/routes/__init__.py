"""The routes, one file per group."""

from __future__ import annotations

from fastapi import APIRouter

from puna.server.routes import (
    anthropic,
    audio,
    blobs,
    cloud,
    completions,
    creation,
    embeddings,
    hardware,
    inference,
    jobs,
    leftovers,
    metrics,
    models,
    openai,
    origins,
    reranking,
    responses,
    status,
    tokens,
    transfers,
)

# Routes are tried in this order.
ROUTERS: tuple[APIRouter, ...] = (
    inference.router,
    embeddings.router,
    openai.router,
    status.router,
    hardware.router,
    blobs.router,
    models.router,
    creation.router,
    transfers.router,
    cloud.router,
    completions.router,
    audio.router,
    responses.router,
    anthropic.router,
    tokens.router,
    reranking.router,
    jobs.router,
    leftovers.router,
    origins.router,
    metrics.router,
)
