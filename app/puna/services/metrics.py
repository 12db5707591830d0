"""Figures of what the server did since it started; kept in memory, sent nowhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from puna.chat.events import Usage


@dataclass(frozen=True, slots=True)
class Requests:
    """A kind of request: equal ones are counted together.

    Attributes:
        route: path with placeholders, empty = no such route.
        status: of the answer; 499 = the client left before there was one.
    """

    method: str
    route: str
    status: int


@dataclass(slots=True)
class ModelFigures:
    """What one model did. Durations in s."""

    answers: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    prompt_seconds: float = 0.0
    completion_seconds: float = 0.0


@dataclass(slots=True)
class Metrics:
    """Counts; loop thread only."""

    counts: Counter[Requests] = field(default_factory=Counter)
    seconds: dict[Requests, float] = field(default_factory=dict)
    _models: dict[str, ModelFigures] = field(default_factory=dict)

    @property
    def models(self) -> Mapping[str, ModelFigures]:
        """Figures by model name."""
        return self._models

    def requested(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request has ended."""
        kind = Requests(method, route, status)
        self.counts[kind] += 1
        self.seconds[kind] = self.seconds.get(kind, 0.0) + seconds

    def answered(self, model: str, usage: Usage) -> None:
        """A model has answered."""
        figures = self._models.setdefault(model, ModelFigures())
        figures.answers += 1
        figures.prompt_tokens += usage.prompt_tokens
        figures.cached_tokens += usage.cached_tokens
        figures.completion_tokens += usage.completion_tokens
        figures.prompt_seconds += usage.prompt_ns / 1e9
        figures.completion_seconds += usage.completion_ns / 1e9
