"""Wire schemas of ``/api/hardware``. Sizes in bytes, durations in ns."""

from __future__ import annotations

from pydantic import BaseModel, Field


class DeviceEntry(BaseModel):
    """One compute device as ggml reports it."""

    name: str
    kind: str = Field(description="cpu, gpu, igpu or accelerator")
    total: int
    free: int
    used: int


class MemoryEntry(BaseModel):
    """Main memory."""

    total: int
    available: int


class ResidentModel(BaseModel):
    """A model in memory: what it takes, and how it was opened."""

    name: str
    state: str = Field(description="loading, ready or stopping")
    load_progress: float
    active: int = Field(description="requests it works for now")
    memory: int
    memory_gpu: int
    memory_estimated: int = Field(description="what was thought before the load")
    context_length: int
    trained_context: int
    slots: int = Field(description="requests that are answered at the same time")
    layers: int
    layers_gpu: int
    kv_type: str
    threads: int
    batch: int
    mmap: bool | None
    flash_attention: bool | None
    load_duration: int


class HardwareResponse(BaseModel):
    """Answer of ``GET /api/hardware``."""

    build: str = Field(description="the llama.cpp in use; empty until a runner was started")
    cores: int = Field(description="physical ones; 0 until a runner was started")
    memory: MemoryEntry
    devices: list[DeviceEntry]
    models: list[ResidentModel]
