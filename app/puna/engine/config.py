"""What the engine is told from outside."""

from __future__ import annotations

import math
from dataclasses import dataclass

from puna.runner.protocol import Adapter, LoadOptions

FOREVER = math.inf
"""A keep-alive that never ends."""


@dataclass(frozen=True, slots=True)
class EngineConfig:
    """Limits and times; :meth:`Scheduler.configure` replaces them while running.

    Attributes:
        max_loaded: models in memory at once, 0 = three per GPU (three without).
        max_queue: requests that may wait for a load beside the one in work.
        keep_alive: seconds a model stays loaded without requests; inf = for ever.
        load_timeout: seconds a load may go without a sign; inf = for ever.
        abandon_after: seconds a load goes on when all who waited for it have left,
            for the next request may want the same.
        hang_timeout: seconds a runner with requests may do nothing at all.
        keep_spare: hold one started runner ready for the next load.
        gpu_overhead: bytes of GPU memory to leave alone.
        max_overtakes: how often a request that waits for a busy runner may be
            passed by later ones.
    Source: OLLAMA_MAX_LOADED_MODELS, _MAX_QUEUE, _KEEP_ALIVE, _LOAD_TIMEOUT,
        _GPU_OVERHEAD (contract 10 and 11).
    """

    max_loaded: int = 0
    max_queue: int = 512
    keep_alive: float = 300.0
    load_timeout: float = 300.0
    abandon_after: float = 1.0
    hang_timeout: float = 45.0
    keep_spare: bool = True
    gpu_overhead: int = 0
    max_overtakes: int = 16


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """Which model a request needs, and how it wants it opened.

    Attributes:
        key: digest of the weights; models with the same key share a runner.
        name: what people call it.
        estimate: bytes the model will take, ``None`` when unknown.
        auto_context: ``load.context_length`` was chosen by us, not asked for.
        keep_alive: seconds the model itself wants to stay; ``None`` = the default.
        largest_context: the largest window that fits into this machine, 0 = none.
        adapters: what its requests are answered with; models that differ in
            nothing else share a runner.
    """

    key: str
    name: str
    load: LoadOptions
    estimate: int | None = None
    auto_context: bool = False
    keep_alive: float | None = None
    largest_context: int = 0
    adapters: tuple[Adapter, ...] = ()
