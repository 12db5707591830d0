"""The machine and what models take of it, parsed once from the server's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from puna.gui.catalogue import LoadedModel


@dataclass(frozen=True, slots=True)
class Meter:
    """Something that fills up: memory of the computer or of one device, in bytes."""

    name: str
    kind: str
    used: int
    total: int

    @property
    def fraction(self) -> float:
        """Part in use, 0 to 1."""
        return min(1.0, self.used / self.total) if self.total else 0.0


@dataclass(frozen=True, slots=True)
class ModelUse:
    """What one model in memory takes.

    Attributes:
        estimated: bytes that were expected before it was loaded, 0 = not told.
        on_gpu: the bytes of ``memory`` that are on GPUs.
        progress: part of the load that is done, 0 to 1.
        active: requests it is answering now.
    """

    name: str
    state: str = "ready"
    progress: float = 0.0
    active: int = 0
    memory: int = 0
    estimated: int = 0
    on_gpu: int = 0
    context_length: int = 0
    slots: int = 0
    layers: int = 0
    layers_gpu: int = 0
    threads: int = 0
    kv_type: str = ""


@dataclass(frozen=True, slots=True)
class Machine:
    """Answer of ``GET /api/hardware``.

    Attributes:
        build: names of the engine, empty until a model process came up once.
        cores: physical cores that may be used.
        meters: the computer's memory first, then each GPU.
    """

    build: str
    cores: int
    processor: str
    meters: tuple[Meter, ...]
    models: tuple[ModelUse, ...]

    @property
    def has_gpu(self) -> bool:
        """There is a device besides the processor."""
        return len(self.meters) > 1


def machine_from(answer: Mapping[str, Any]) -> Machine:
    """Read the answer; what is missing stays empty."""
    memory = answer.get("memory") or {}
    total = int(memory.get("total") or 0)
    devices = answer.get("devices") or ()
    ram = Meter("", "memory", max(0, total - int(memory.get("available") or 0)), total)
    others = (_meter(device) for device in devices if device.get("kind") != "cpu")
    processors = (str(device.get("name", "")) for device in devices if device.get("kind") == "cpu")
    return Machine(
        build=str(answer.get("build") or ""),
        cores=int(answer.get("cores") or 0),
        processor=next(processors, ""),
        meters=(ram, *others),
        models=tuple(_model(row) for row in answer.get("models") or ()),
    )


def use_of(model: LoadedModel) -> ModelUse:
    """What a server without ``/api/hardware`` tells of a loaded model."""
    return ModelUse(
        name=model.name,
        state="loading" if model.is_loading else "ready",
        progress=model.progress,
        active=model.active,
        memory=model.memory,
        on_gpu=model.memory_gpu,
        context_length=model.context_length,
    )


def _meter(device: Mapping[str, Any]) -> Meter:
    return Meter(
        name=str(device.get("name", "")),
        kind=str(device.get("kind", "")),
        used=int(device.get("used") or 0),
        total=int(device.get("total") or 0),
    )


def _model(row: Mapping[str, Any]) -> ModelUse:
    return ModelUse(
        name=str(row.get("name", "")),
        state=str(row.get("state", "ready")),
        progress=float(row.get("load_progress") or 0.0),
        active=int(row.get("active") or 0),
        memory=int(row.get("memory") or 0),
        estimated=int(row.get("memory_estimated") or 0),
        on_gpu=int(row.get("memory_gpu") or 0),
        context_length=int(row.get("context_length") or 0),
        slots=int(row.get("slots") or 0),
        layers=int(row.get("layers") or 0),
        layers_gpu=int(row.get("layers_gpu") or 0),
        threads=int(row.get("threads") or 0),
        kv_type=str(row.get("kv_type") or ""),
    )
