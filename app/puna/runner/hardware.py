"""What this machine offers: compute devices, cores and memory, as the runner sees them."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path
from typing import Any

import psutil

from puna.runner import backends
from puna.runner.protocol import Device

_KINDS = {0: "cpu", 1: "gpu", 2: "igpu", 3: "accelerator"}
"""Source: ggml-backend.h, enum ggml_backend_dev_type."""


def devices() -> tuple[Device, ...]:
    """All devices ggml has a backend for, the CPU among them. Memory in bytes."""
    registry, base = _libraries()
    found = (registry.ggml_backend_dev_get(i) for i in range(registry.ggml_backend_dev_count()))
    return tuple(_describe(base, handle) for handle in found)


def free_gpu_memory() -> int:
    """Free bytes on all GPUs together."""
    return sum(device.free for device in devices() if is_gpu(device))


def is_gpu(device: Device) -> bool:
    """Whether weights can be offloaded to the device."""
    return device.kind in ("gpu", "igpu")


def physical_cores() -> int:
    """Cores this process may use, hyper-threads not counted."""
    physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    return max(1, min(physical, _allowed_cpus(), _cgroup_cpus()))


def available_memory() -> int:
    """Bytes of main memory that can be taken without swapping, limits of the cgroup included."""
    free = int(psutil.virtual_memory().available)
    limit = _read_number("/sys/fs/cgroup/memory.max")
    used = _read_number("/sys/fs/cgroup/memory.current")
    return min(free, max(0, limit - used)) if limit and used else free


def total_memory() -> int:
    """Bytes of main memory in the machine."""
    return int(psutil.virtual_memory().total)


def resident_memory() -> int:
    """Bytes of main memory that this process holds."""
    return int(psutil.Process().memory_info().rss)


def _allowed_cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return psutil.cpu_count() or 1


def _cgroup_cpus() -> int:
    """The CPU quota of a container, rounded down."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return max(1, int(quota) // int(period))
    except (OSError, ValueError):
        return 1 << 16


def _read_number(path: str) -> int:
    try:
        return int(Path(path).read_text())
    except (OSError, ValueError):
        return 0


def _describe(base: Any, handle: int) -> Device:
    free, total = ctypes.c_size_t(), ctypes.c_size_t()
    base.ggml_backend_dev_memory(handle, ctypes.byref(free), ctypes.byref(total))
    kind = _KINDS.get(base.ggml_backend_dev_type(handle), "accelerator")
    name = base.ggml_backend_dev_description(handle) or base.ggml_backend_dev_name(handle)
    available = available_memory() if kind == "cpu" else free.value
    whole = total_memory() if kind == "cpu" else total.value
    return Device(
        name=name.decode("utf-8", "replace").strip(), kind=kind, total=whole, free=available
    )


def _libraries() -> tuple[Any, Any]:
    registry = backends.ggml("ggml")
    base = backends.ggml("ggml-base")
    registry.ggml_backend_dev_count.restype = ctypes.c_size_t
    registry.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    registry.ggml_backend_dev_get.restype = ctypes.c_void_p
    for name in ("ggml_backend_dev_name", "ggml_backend_dev_description"):
        function = getattr(base, name)
        function.argtypes, function.restype = [ctypes.c_void_p], ctypes.c_char_p
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    pointer = ctypes.POINTER(ctypes.c_size_t)
    base.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, pointer, pointer]
    return registry, base
