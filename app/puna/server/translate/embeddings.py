"""Embeddings: wire bodies to requests, vectors to JSON."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from puna.api import native, openai
from puna.errors import InvalidInput, ModelNotFound
from puna.services.lookup import local_name
from puna.services.requests import Embeddings, EmbedRequest

_MAX_HEADER = 1000


def embed_request(body: native.EmbedRequest) -> EmbedRequest:
    """``POST /api/embed``.

    Raises:
        InvalidInput: ``input`` is neither a text nor a list of texts.
    """
    _check_name(body.model)
    return EmbedRequest(
        model=body.model,
        inputs=_texts(body.input, empty_counts=False),
        truncate=body.truncate is not False,
        dimensions=body.dimensions,
        options=body.options,
        keep_alive=body.keep_alive,  # type: ignore[arg-type]
    )


def legacy_request(body: native.EmbeddingRequest) -> EmbedRequest:
    """``POST /api/embeddings``: one text, never cut."""
    return EmbedRequest(
        model=body.model,
        inputs=(body.prompt,) if body.prompt else (),
        truncate=False,
        options=body.options,
        keep_alive=body.keep_alive,  # type: ignore[arg-type]
    )


def openai_request(body: openai.EmbeddingsRequest, *, by_their_sdk: bool) -> EmbedRequest:
    """``POST /v1/embeddings``.

    Ollama embeds an empty text and refuses token ids, OpenAI does the reverse.
    Programs written for either are served by its own rules: those for OpenAI are
    known by the SDK they use.

    Raises:
        InvalidInput: as :func:`embed_request`.
    """
    _check_name(body.model)
    inputs = _of_sdk(body.input) if by_their_sdk else _texts(body.input, empty_counts=True)
    return EmbedRequest(
        model=body.model,
        inputs=inputs,
        dimensions=body.dimensions,
        options=body.options,
        keep_alive=body.keep_alive,  # type: ignore[arg-type]
    )


def check_openai(body: openai.EmbeddingsRequest) -> None:
    """What is refused before the model is looked up.

    Raises:
        InvalidInput: no input, or an unknown encoding.
    """
    if body.input is None or body.input == []:
        raise InvalidInput("invalid input")
    if body.encoding_format.lower() not in ("", "float", "base64"):
        raise InvalidInput(
            f"Invalid value for 'encoding_format' = {body.encoding_format}. "
            "Supported values: ['float', 'base64']."
        )


def _check_name(model: str) -> None:
    """Ollama looks at the name before the texts."""
    if not model.strip():
        raise ModelNotFound(model, f"model '{model}' not found")
    local_name(model)


def _texts(value: Any, *, empty_counts: bool) -> tuple[str, ...]:
    match value:
        case None:
            return ()
        case str():
            return (value,) if value or empty_counts else ()
        case list() if all(isinstance(item, str) for item in value):
            return tuple(value)
        case _:
            raise InvalidInput("invalid input type")


def _of_sdk(value: Any) -> tuple[str | tuple[int, ...], ...]:
    """One text or list of token ids, or several of them; none of them empty."""
    items = [value] if isinstance(value, str) or _are_tokens(value) else value
    if not isinstance(items, list):
        raise InvalidInput("invalid input type")
    if any(item in ("", []) for item in items):
        raise InvalidInput("input must not be empty")
    found = [tuple(item) if _are_tokens(item) else item for item in items]
    if not all(isinstance(item, str | tuple) for item in found):
        raise InvalidInput("invalid input type")
    return tuple(found)


def _are_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(type(item) is int for item in value)


def as_json(found: Embeddings) -> list[msgspec.Raw]:
    """One JSON array of numbers per vector, each number as short as float32 allows."""
    if not found.counts:
        return []
    import numpy as np

    rows = np.frombuffer(found.vectors, "<f4").reshape(len(found.counts), found.width)
    # It knows 32-bit numbers; as 64-bit ones, or written by numpy, they take 20 times as long.
    return [msgspec.Raw(orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY)) for row in rows]


def as_base64(found: Embeddings) -> list[str]:
    """One text per vector: base64 of its float32 numbers."""
    size = found.width * 4
    pieces = (found.vectors[at : at + size] for at in range(0, len(found.vectors), size))
    return [base64.b64encode(piece).decode() for piece in pieces]


def embed_response(
    model: str, found: Embeddings, total_ns: int, *, counts: bool = False
) -> dict[str, Any]:
    """Answer of ``/api/embed``; with ``counts`` it tells the tokens of each input."""
    head: dict[str, Any] = {"model": model, "embeddings": as_json(found)}
    if not found.counts:
        return head
    return {
        **head,
        "total_duration": total_ns,
        "load_duration": max(found.load_ns, 1),
        "prompt_eval_count": sum(found.counts),
        **({"prompt_eval_counts": list(found.counts)} if counts else {}),
        **({"truncated_inputs": list(found.cut)} if counts and found.cut else {}),
    }


def cut_header(cut: Sequence[int]) -> dict[str, str]:
    """The header that names the inputs whose end did not fit."""
    return {"puna-truncated": f"inputs={','.join(map(str, cut))}"[:_MAX_HEADER]} if cut else {}


def openai_response(
    model: str, found: Embeddings, encoding: str, *, counts: bool = False
) -> dict[str, Any]:
    """Answer of ``/v1/embeddings``; ``counts`` as in :func:`embed_response`."""
    vectors: list[Any] = as_base64(found) if encoding.lower() == "base64" else [*as_json(found)]
    tokens = sum(found.counts)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "embedding": vector,
                "index": index,
                **({"prompt_tokens": found.counts[index]} if counts else {}),
            }
            for index, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
