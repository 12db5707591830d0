"""What this machine offers to models, and what the loaded ones really take of it."""

from __future__ import annotations

from dataclasses import dataclass

from puna.engine.instance import LoadedModel
from puna.engine.scheduler import Scheduler
from puna.runner.protocol import Device, Loaded


@dataclass(frozen=True, slots=True)
class Residence:
    """How a model sits in memory. Sizes in bytes; 0 and ``None`` while it loads.

    Attributes:
        estimated: what was thought that it would take, before it was loaded.
        layers_gpu: of ``layers``, those on GPUs.
        slots: requests that are answered at the same time.
        flash_attention: it was not switched off; llama.cpp leaves it out where it cannot.
        load_ns: how long the load took.
    """

    name: str
    state: str
    progress: float
    active: int
    memory: int
    memory_gpu: int
    estimated: int
    context_length: int
    kv_type: str
    trained_context: int = 0
    layers: int = 0
    layers_gpu: int = 0
    slots: int = 0
    threads: int = 0
    batch: int = 0
    mmap: bool | None = None
    flash_attention: bool | None = None
    load_ns: int = 0


@dataclass(frozen=True, slots=True)
class Hardware:
    """One look at the machine. Sizes in bytes.

    Attributes:
        build: the llama.cpp in use, empty until a runner was started.
        cores: physical ones that we may use, 0 until a runner was started.
        devices: as ggml reports them; none until a runner was started.
    """

    build: str
    cores: int
    memory_total: int
    memory_available: int
    devices: tuple[Device, ...]
    models: tuple[Residence, ...]


def look(scheduler: Scheduler) -> Hardware:
    """The machine as it is now."""
    machine, loaded = scheduler.machine, scheduler.loaded()
    memory = machine.memory
    return Hardware(
        build=machine.build,
        cores=machine.cores,
        memory_total=memory.total,
        memory_available=memory.available,
        devices=machine.devices_now(taken=sum(model.memory_gpu for model in loaded)),
        models=tuple(_residence(model) for model in loaded),
    )


def _residence(model: LoadedModel) -> Residence:
    report = model.loaded or Loaded(context_length=model.context_length, slots=0, trained_context=0)
    is_open = model.loaded is not None
    return Residence(
        name=model.name,
        state=model.state,
        progress=model.progress,
        active=model.active,
        memory=model.memory,
        memory_gpu=model.memory_gpu,
        estimated=model.spec.estimate or 0,
        context_length=model.context_length,
        kv_type=model.spec.load.kv_type,
        trained_context=report.trained_context,
        layers=report.layers,
        layers_gpu=report.layers_gpu,
        slots=report.slots,
        threads=report.threads,
        batch=report.batch,
        mmap=report.mmap if is_open else None,
        flash_attention=report.flash_attention if is_open else None,
        load_ns=report.load_ns,
    )
