"""Vectors of texts.

Source: contract ``ollama-http-api`` 5.3. A model that was not made for
embeddings gives the mean over its last layer, as older Ollama releases did.
"""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from puna.errors import InvalidInput, ModelNotFound
from puna.gotext import quote
from puna.options import OptionValue
from puna.runner.protocol import Embed, Embedded
from puna.services.inference import Inference
from puna.services.option_values import Merged, merge
from puna.services.requests import Embeddings, EmbedRequest

_NOT_EVEN_ONE = "input exceeds maximum context length and cannot be truncated further"


class Embedder:
    """Makes embeddings with the models of an :class:`Inference`."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def embed(self, request: EmbedRequest) -> Embeddings:
        """One vector of length 1 per input, in order; no inputs only load the model.

        Raises:
            PunaError: one bad input fails all.
        """
        if not request.model.strip():
            raise ModelNotFound(request.model, f"model '{request.model}' not found")
        missing = f"model {quote(request.model)} not found, try pulling it first"
        subject = await self._inference.subject(request.model, missing=missing)
        options = merge(request.options, subject.parameters)
        window = options.integer("num_ctx")
        if request.inputs and window is not None and window <= 0:
            raise InvalidInput(_NOT_EVEN_ONE)
        spec = await self._inference.spec(subject, _without_window(options))
        if "numpy" not in sys.modules:
            # Only vectors need it. It is loaded for the first, without holding up other requests.
            await asyncio.to_thread(importlib.import_module, "numpy")
        async with self._inference.scheduler.acquire(spec, request.keep_alive) as lease:
            if not request.inputs:
                return Embeddings(b"", 0, (), lease.load_ns)
            found = await lease.embed(
                Embed(0, request.inputs, request.truncate, context_length=window)
            )
        return _cut(found, request.dimensions, lease.load_ns)


def _without_window(options: Merged) -> Merged:
    """A shorter window needs no other runner: texts are cut before they are read."""
    values: Mapping[str, OptionValue | None] = {**options.values, "num_ctx": None}
    return replace(options, values=values)


def _cut(found: Embedded, dimensions: int, load_ns: int) -> Embeddings:
    """The vectors with at most ``dimensions`` elements, scaled to length 1 again."""
    if not 0 < dimensions < found.width:
        return Embeddings(found.vectors, found.width, found.counts, load_ns, found.cut)
    import numpy as np

    rows: np.ndarray[Any, np.dtype[np.float32]]
    rows = np.frombuffer(found.vectors, "<f4").reshape(-1, found.width)[:, :dimensions]
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled = rows / np.maximum(lengths, np.float32(1e-12))
    vectors = scaled.astype("<f4").tobytes()
    return Embeddings(vectors, dimensions, found.counts, load_ns, found.cut)
