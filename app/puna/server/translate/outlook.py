"""What a model would take, on the wire."""

from __future__ import annotations

from puna.api.extensions import EstimateResponse
from puna.names import ModelName
from puna.services.outlook import Outlook


def estimated(name: ModelName, seen: Outlook) -> EstimateResponse:
    """Answer of ``/api/estimate``."""
    return EstimateResponse(
        model=name.display,
        size=seen.survey.size,
        missing=seen.survey.missing,
        disk_free=seen.survey.free,
        fit=seen.fit.value,
        memory=seen.memory,
        memory_available=seen.available,
        memory_capacity=seen.capacity,
        context_length=seen.context_length,
        trained_context=seen.trained_context,
        layers=seen.layers,
        layers_gpu=seen.layers_gpu,
    )
