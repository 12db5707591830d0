"""Figures as Prometheus reads them.

Source: the text format of Prometheus, version 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from puna.engine.instance import LoadedModel
from puna.services.metrics import Metrics, ModelFigures, Requests

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_Samples = Iterable[tuple[Mapping[str, str], float]]

_OF_MODELS = (
    ("answers", "Answers given"),
    ("prompt_tokens", "Tokens of prompts, cached ones included"),
    ("cached_tokens", "Tokens of prompts that were cached"),
    ("completion_tokens", "Tokens of answers"),
    ("prompt_seconds", "Time spent reading prompts"),
    ("completion_seconds", "Time spent writing answers"),
)


def exposition(metrics: Metrics, loaded: Iterable[LoadedModel], *, live: int, waiting: int) -> str:
    """All figures as text."""
    models = list(loaded)
    lines = [
        *_metric("requests_total", "counter", "Requests", _requests(metrics.counts)),
        *_metric(
            "request_seconds_total", "counter", "Time requests took", _requests(metrics.seconds)
        ),
        *_metric("requests_live", "gauge", "Requests running now", [({}, live)]),
        *_metric("requests_waiting", "gauge", "Requests waiting for a model", [({}, waiting)]),
        *_of_models(metrics.models),
        *_metric("models_loaded", "gauge", "Models in memory", [({}, len(models))]),
        *_metric(
            "model_memory_bytes",
            "gauge",
            "Memory of a loaded model",
            [({"model": model.name}, model.memory) for model in models],
        ),
        *_metric(
            "model_requests_active",
            "gauge",
            "Requests a loaded model serves",
            [({"model": model.name}, model.active) for model in models],
        ),
    ]
    return "\n".join(lines) + "\n"


def _of_models(models: Mapping[str, ModelFigures]) -> Iterator[str]:
    for name, text in _OF_MODELS:
        samples = [
            ({"model": model}, float(getattr(figures, name))) for model, figures in models.items()
        ]
        yield from _metric(f"{name}_total", "counter", text, samples)


def _requests(counts: Mapping[Requests, float]) -> _Samples:
    for kind, value in counts.items():
        yield (
            {"method": kind.method, "route": kind.route, "status": str(kind.status)},
            value,
        )


def _metric(name: str, kind: str, text: str, samples: _Samples) -> Iterator[str]:
    yield f"# HELP puna_{name} {text}"
    yield f"# TYPE puna_{name} {kind}"
    for labels, value in samples:
        inner = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        yield f"puna_{name}{{{inner}}} {value}" if inner else f"puna_{name} {value}"


def _escaped(label: str) -> str:
    return label.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
