"""Bodies of the routes that Ollama does not have.

Source: contract ``ollama-http-api`` 16.11, 16.12, 16.17 and 16.24. Reranking
speaks as Jina's and llama.cpp's servers do.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from puna.api.decoding import WireModel
from puna.api.fields import KeepAliveField, ThinkField
from puna.api.native import Message


class TokenizeRequest(WireModel):
    """``POST /api/tokenize``: a text, or messages as the model's template writes them."""

    model: str = ""
    text: str | None = None
    messages: list[Message] = Field(default_factory=list)
    think: ThinkField = None
    add_special: bool = True


class TokenizeResponse(BaseModel):
    """Answer of ``/api/tokenize``."""

    model: str
    tokens: list[int]
    count: int


class DetokenizeRequest(WireModel):
    """``POST /api/detokenize``."""

    model: str = ""
    tokens: list[int] = Field(default_factory=list)


class DetokenizeResponse(BaseModel):
    """Answer of ``/api/detokenize``."""

    model: str
    text: str


class RerankRequest(WireModel):
    """``POST /api/rerank`` and ``/v1/rerank``.

    A document is a text or an object with a ``text``.
    """

    model: str = ""
    query: str = ""
    documents: list[Any] = Field(default_factory=list)
    top_n: int | None = None
    return_documents: bool = False
    keep_alive: KeepAliveField = None


class RankedDocument(BaseModel):
    """One document, by its place in the request.

    ``relevance_score`` is the model's own: larger is better, the scale differs.
    """

    index: int
    relevance_score: float
    document: dict[str, str] | None = None


class RerankResponse(BaseModel):
    """The documents, best first."""

    model: str
    object: str
    results: list[RankedDocument]
    usage: dict[str, int]


class EstimateRequest(WireModel):
    """``POST /api/estimate``: a model of a registry, named as for ``/api/pull``."""

    model: str = ""
    insecure: bool = False


class EstimateResponse(BaseModel):
    """Answer of ``/api/estimate``. Sizes in bytes, lengths in tokens; 0 = unknown."""

    model: str
    size: int
    missing: int = Field(description="what of it is still to be downloaded")
    disk_free: int = Field(description="what may be written to the disk of the models folder")
    fit: str = Field(description="gpu, partly, cpu, tight, too_big or unknown")
    memory: int
    memory_available: int = Field(description="what a model may take now when it is alone")
    memory_capacity: int = Field(description="what a model could take at the very best")
    context_length: int = Field(description="the window it would have")
    trained_context: int
    layers: int
    layers_gpu: int


class OfferEntry(BaseModel):
    """A model to begin with, and what it would take here."""

    description: str
    parameter_size: str
    capabilities: list[str]
    license: str
    estimate: EstimateResponse


class CatalogueResponse(BaseModel):
    """Answer of ``/api/catalogue``."""

    models: list[OfferEntry]


class UnfinishedEntry(BaseModel):
    """A download that was not finished; numbers are bytes."""

    digest: str
    model: str = Field(description="for which it was begun; empty when nobody knows")
    size: int
    completed: int
    modified_at: str


class LeftoversResponse(BaseModel):
    """Answer of ``/api/leftovers``."""

    unused_files: int = Field(description="older than an hour and used by no model")
    unused_size: int
    downloads: list[UnfinishedEntry]


class CancelRequest(WireModel):
    """``POST /api/cancel``: the ``x-request-id`` of a running request."""

    id: str = ""


class CancelResponse(BaseModel):
    """How many requests were ended."""

    canceled: int


class JobEntry(BaseModel):
    """A running pull or push; numbers are bytes."""

    id: int
    kind: str
    model: str
    status: str
    total: int
    completed: int
    started_at: str


class JobsResponse(BaseModel):
    """Answer of ``/api/jobs``."""

    jobs: list[JobEntry]


class OriginDecision(WireModel):
    """``POST /api/origins``.

    ``decision`` is ``once`` (until the server ends), ``always``, ``never`` or
    ``ask`` (forget what was decided).
    """

    origin: str = ""
    decision: str = ""


class OriginDecided(BaseModel):
    """What holds from now on."""

    origin: str
    decision: str
