"""The machine on the wire."""

from __future__ import annotations

from puna.api.hardware import DeviceEntry, HardwareResponse, MemoryEntry, ResidentModel
from puna.runner.protocol import Device
from puna.services.hardware import Hardware, Residence


def shown(found: Hardware) -> HardwareResponse:
    """Answer of ``/api/hardware``."""
    return HardwareResponse(
        build=found.build,
        cores=found.cores,
        memory=MemoryEntry(total=found.memory_total, available=found.memory_available),
        devices=[_device(device) for device in found.devices],
        models=[_model(model) for model in found.models],
    )


def _device(device: Device) -> DeviceEntry:
    return DeviceEntry(
        name=device.name, kind=device.kind, total=device.total, free=device.free, used=device.used
    )


def _model(model: Residence) -> ResidentModel:
    return ResidentModel(
        name=model.name,
        state=model.state,
        load_progress=round(model.progress, 3),
        active=model.active,
        memory=model.memory,
        memory_gpu=model.memory_gpu,
        memory_estimated=model.estimated,
        context_length=model.context_length,
        trained_context=model.trained_context,
        slots=model.slots,
        layers=model.layers,
        layers_gpu=model.layers_gpu,
        kv_type=model.kv_type,
        threads=model.threads,
        batch=model.batch,
        mmap=model.mmap,
        flash_attention=model.flash_attention,
        load_duration=model.load_ns,
    )
