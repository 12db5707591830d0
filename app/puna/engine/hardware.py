"""What memory this machine has for models."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import msgspec
import psutil

from puna.runner.protocol import Device, Hello

T = TypeVar("T")

_GIB = 1 << 30
_FRESH_S = 0.25
"""How long a reading of main memory counts as now; every request asks several times."""

_GPU_SHARE = 0.92
"""Part of a GPU's free memory that models may use; drivers fragment the rest."""

_CGROUP = Path("/sys/fs/cgroup")
_GPU_KINDS = frozenset({"gpu", "igpu"})


@dataclass(frozen=True, slots=True)
class SystemMemory:
    """Main memory in bytes. ``available`` can be had without swapping."""

    total: int
    available: int


def system_memory() -> SystemMemory:
    """Main memory as the system, or the container we are in, grants it now."""
    memory = psutil.virtual_memory()
    limit, used = (_read_number(_CGROUP / f"memory.{name}") for name in ("max", "current"))
    if limit is None or used is None:
        return SystemMemory(memory.total, memory.available)
    left = max(0, limit - used)
    return SystemMemory(min(memory.total, limit), min(memory.available, left))


def swap_space() -> int:
    """Bytes of swap space, used or not."""
    return int(psutil.swap_memory().total)


def _read_number(path: Path) -> int | None:
    """``None`` when there is no such file, or no limit (``max``)."""
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def reserve(total: int) -> int:
    """Bytes of main memory to leave to everybody else: 2 GiB or a tenth, at most a quarter."""
    return min(max(2 * _GIB, total // 10), total // 4)


class _Reading(Generic[T]):
    """Something read from the system, for a moment not read again."""

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._value: T | None = None
        self._until = 0.0

    def __call__(self) -> T:
        now = time.monotonic()
        if self._value is None or now >= self._until:
            self._value, self._until = self._read(), now + _FRESH_S
        return self._value

    def forget(self) -> None:
        """The next one is to be new."""
        self._value = None


class Machine:
    """Memory and devices of this computer.

    Runners report the devices (only they can ask ggml); main memory is read here.

    Attributes:
        build: the llama.cpp of the runners, empty until the first one came up.
        cores: physical ones that we may use, 0 until then.
    """

    def __init__(
        self,
        read_memory: Callable[[], SystemMemory] = system_memory,
        read_swap: Callable[[], int] = swap_space,
    ) -> None:
        self._memory = _Reading(read_memory)
        self._swap = _Reading(read_swap)
        self._devices: tuple[Device, ...] = ()
        self._taken = 0
        self.build = ""
        self.cores = 0

    def meet(self, hello: Hello, *, taken: int) -> None:
        """Remember what a new runner said of itself and of the machine."""
        self.build, self.cores = hello.build, hello.cores
        self.note(hello.devices, taken=taken)

    def note(self, devices: Sequence[Device], *, taken: int) -> None:
        """Remember what a runner reported.

        Args:
            devices: with the free memory at that moment.
            taken: GPU bytes that our models held at that moment.
        """
        self._devices = tuple(devices)
        self._taken = taken

    @property
    def devices(self) -> tuple[Device, ...]:
        """All compute devices; empty until the first runner came up."""
        return self._devices

    def devices_now(self, *, taken: int) -> tuple[Device, ...]:
        """All devices with the memory that is free and used now, as far as we can know.

        What others took of a GPU since a runner last reported is not seen.

        Args:
            taken: GPU bytes that our models hold now.
        """
        gpus = max(1, len(self.gpus))
        since = (taken - self._taken) // gpus
        return tuple(self._now(device, since) for device in self._devices)

    def _now(self, device: Device, since: int) -> Device:
        if device.kind in _GPU_KINDS:
            free = min(max(0, device.free - since), device.total)
            return msgspec.structs.replace(device, free=free, used=device.total - free)
        memory = self.memory
        used = memory.total - memory.available
        return msgspec.structs.replace(device, total=memory.total, free=memory.available, used=used)

    @property
    def gpus(self) -> tuple[Device, ...]:
        """The devices with memory of their own or a share of main memory."""
        return tuple(one for one in self._devices if one.kind in _GPU_KINDS)

    @property
    def memory(self) -> SystemMemory:
        """Main memory now."""
        return self._memory()

    def look_again(self) -> None:
        """A model was loaded or has gone: what was read of main memory is past."""
        self._memory.forget()

    def free(self, *, taken: int, promised: int = 0, gpu_overhead: int = 0) -> int:
        """Bytes one more model may take: of the GPUs if there are any, else of main memory.

        Args:
            taken: GPU bytes that our models hold now.
            promised: bytes of main memory that they have yet to take.
            gpu_overhead: GPU bytes to leave alone.
        """
        if self.gpus:
            left = sum(gpu.free for gpu in self.gpus) + self._taken - taken
            return max(0, int(left * _GPU_SHARE) - gpu_overhead)
        memory = self.memory
        return max(0, memory.available - promised - reserve(memory.total))

    def capacity(self) -> int:
        """Bytes a model could take at the very best, with swap and all GPUs."""
        memory = self.memory
        gpus = sum(gpu.total for gpu in self.gpus)
        return memory.total - reserve(memory.total) + self._swap() + gpus
