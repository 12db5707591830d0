"""Documents by how well they answer a query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from puna.errors import InvalidInput
from puna.runner.protocol import Rerank
from puna.services.inference import Inference
from puna.services.option_values import merge

MAX_DOCUMENTS = 2048


@dataclass(frozen=True, slots=True)
class Scored:
    """One document.

    Attributes:
        index: its place in the request.
        score: of the model's own scale; larger is better.
    """

    index: int
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The documents, best first, and the tokens that were read.

    ``cut``: places of those whose end did not fit.
    """

    documents: tuple[Scored, ...]
    tokens: int
    cut: tuple[int, ...] = ()


class Reranker:
    """Ranks with the models of an :class:`Inference`."""

    def __init__(self, inference: Inference) -> None:
        self._inference = inference

    async def rank(
        self, model: str, query: str, documents: Sequence[str], keep_alive: float | None = None
    ) -> Ranking:
        """Score every document.

        Raises:
            InvalidInput: no documents, or too many.
            CapabilityMissing: the model was not made for ranking.
            PunaError: the model is missing or does not load.
        """
        if not documents:
            raise InvalidInput("documents must not be empty")
        if len(documents) > MAX_DOCUMENTS:
            raise InvalidInput(f"more than {MAX_DOCUMENTS} documents")
        subject = await self._inference.subject(model)
        spec = await self._inference.spec(subject, merge({}, subject.parameters))
        async with self._inference.scheduler.acquire(spec, keep_alive) as lease:
            found = await lease.rerank(Rerank(0, query, tuple(documents)))
        scored = [Scored(index, score) for index, score in enumerate(found.scores)]
        best_first = sorted(scored, key=lambda item: item.score, reverse=True)
        return Ranking(tuple(best_first), sum(found.counts), found.cut)
