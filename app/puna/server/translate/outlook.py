"""What a model would take, on the wire."""

from __future__ import annotations

from puna.api.extensions import EstimateResponse, OfferEntry
from puna.services.catalogue import Offer
from puna.services.outlook import Outlook


def offered(offer: Offer, seen: Outlook) -> OfferEntry:
    """One model of ``/api/catalogue``."""
    return OfferEntry(
        description=offer.description,
        parameter_size=offer.parameters,
        capabilities=list(offer.capabilities),
        license=offer.license,
        estimate=estimated(offer.name, seen),
    )


def estimated(model: str, seen: Outlook) -> EstimateResponse:
    """Answer of ``/api/estimate``."""
    return EstimateResponse(
        model=model,
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
