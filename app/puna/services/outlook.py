"""What it would mean to have a model here: its room on the disk, its place in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from puna.config.settings import Settings
from puna.engine import memory
from puna.engine.memory import Choice
from puna.gguf.metadata import ModelInfo
from puna.runner.protocol import LoadOptions
from puna.services.loading import KV_DEFAULT, Room
from puna.services.surveying import Survey


class Fit(Enum):
    """Where a model would run."""

    GPU = "gpu"
    PARTLY = "partly"
    CPU = "cpu"
    TIGHT = "tight"
    TOO_BIG = "too_big"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outlook:
    """A model that is not here, measured against this machine. Sizes in bytes.

    Attributes:
        fit: ``TIGHT`` when other programs have to make room, ``UNKNOWN`` when its
            file does not say what it is.
        memory: what it would take, 0 = unknown.
        available: what it may take now when it is alone.
        capacity: what a model could take at the very best.
        context_length: window of a request, in tokens; trained for ``trained_context``.
        layers_gpu: of ``layers``, those that fit on the GPUs.
    """

    survey: Survey
    fit: Fit
    available: int
    capacity: int
    memory: int = 0
    context_length: int = 0
    trained_context: int = 0
    layers: int = 0
    layers_gpu: int = 0


def outlook(survey: Survey, settings: Settings, room: Room) -> Outlook:
    """Whether, and how, the surveyed model would run here."""
    bare = Outlook(survey, Fit.UNKNOWN, room.available, room.capacity)
    if survey.info is None or not survey.info.block_count:
        return bare
    info = _with_even_layers(survey.info, survey.weights) if room.gpu else survey.info
    choice = memory.choose(
        info,
        LoadOptions(
            paths=(),
            projectors=("projector",) if survey.sees else (),
            kv_type=settings.kv_cache_type or KV_DEFAULT,
            embedding=info.is_embedding,
        ),
        file_bytes=survey.weights,
        available=room.available,
        total=room.total,
        capacity=room.capacity,
        context_length=settings.context_length,
        parallel=settings.num_parallel,
        gpu=room.gpu,
    )
    return replace(
        bare,
        fit=_fit(choice, info.block_count, room),
        memory=choice.estimate.total,
        context_length=choice.load.context_length or 0,
        trained_context=info.context_length,
        layers=info.block_count,
        layers_gpu=max(0, choice.load.layers_fit - 1),
    )


def _fit(choice: Choice, layers: int, room: Room) -> Fit:
    need = choice.estimate.total
    if need > room.capacity:
        return Fit.TOO_BIG
    if need <= room.available:
        return Fit.GPU if room.gpu else Fit.CPU
    return Fit.PARTLY if room.gpu and 0 < choice.load.layers_fit <= layers else Fit.TIGHT


def _with_even_layers(info: ModelInfo, weights: int) -> ModelInfo:
    """Before the download nobody knows the tensors; layers are nearly of one size."""
    layer = weights // (info.block_count + 1)
    return replace(
        info,
        layer_bytes=(layer,) * info.block_count,
        other_bytes=layer,
        input_bytes=layer,
        output_bytes=layer,
    )
