"""One model in memory, from the decision to load it until its process is gone."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

from puna.engine.compatibility import Opened
from puna.engine.config import ModelSpec
from puna.engine.plan import Resident, State
from puna.engine.runner_process import RunnerProcess
from puna.runner.protocol import Adapter, Loaded

_LONGEST = (2**63 - 1) / 1e9
"""Seconds that "for ever" is shown as: Go's longest duration, 292 years."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in memory as others see it.

    Attributes:
        name: the name it was loaded under; ``names`` has the others too.
        key: digest of its weights.
        progress: of the load, from 0 to 1.
        memory: bytes it takes, the estimate while it loads; ``memory_gpu`` of that.
        context_length: tokens per request, 0 while nobody knows.
        expires_at: when it will be unloaded if nobody asks for it.
        active: requests it works for.
        loaded: the runner's report, ``None`` while it loads.
        spec: how it was to be opened, and what it was thought to take.
    """

    name: str
    names: tuple[str, ...]
    key: str
    state: Literal["loading", "ready", "stopping"]
    progress: float
    memory: int
    memory_gpu: int
    context_length: int
    expires_at: datetime
    active: int
    loaded: Loaded | None
    spec: ModelSpec


@dataclass(slots=True, eq=False)
class Instance:
    """The scheduler's record of one model in memory. Times in monotonic s.

    Attributes:
        keep_alive: what the last request that said so wants; ``None`` = default.
        adapters: those that its runner has opened, and the bytes they take in
            ``adapter_memory``.
        gone: set when its process is gone and its memory is free.
    """

    id: int
    spec: ModelSpec
    state: State = State.LOADING
    runner: RunnerProcess | None = None
    loaded: Loaded | None = None
    loading: asyncio.Task[None] | None = None
    names: dict[str, None] = field(default_factory=dict[str, None])
    active: int = 0
    keep_alive: float | None = None
    idle_since: float = math.inf
    progress: float = 0.0
    adapters: set[Adapter] = field(default_factory=set[Adapter])
    adapter_memory: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def opened(self) -> Opened:
        """How it was, or will be, opened."""
        if self.loaded is None:
            return Opened(self.spec, self.spec.load.context_length or 0)
        return Opened(self.spec, self.loaded.context_length, self.loaded.trained_context)

    @property
    def memory(self) -> int:
        """Bytes it takes, as far as known."""
        taken = self.loaded.memory + self.adapter_memory if self.loaded else 0
        return taken or self.spec.estimate or 0

    @property
    def queued(self) -> int:
        """Requests that wait because all slots are taken."""
        return max(0, self.active - (self.loaded.slots if self.loaded else self.active))

    def expires_at(self, default_keep_alive: float) -> float:
        """When it is to be unloaded if it stays idle; inf while it is not idle."""
        if self.active or self.state is not State.READY:
            return math.inf
        return self.idle_since + self.lifetime(default_keep_alive)

    def lifetime(self, default_keep_alive: float) -> float:
        """Seconds it stays after its last request."""
        return default_keep_alive if self.keep_alive is None else self.keep_alive

    def resident(self, default_keep_alive: float) -> Resident:
        """What planning needs to know."""
        return Resident(
            id=self.id,
            opened=self.opened,
            state=self.state,
            memory=self.memory,
            active=self.active,
            expires_at=self.expires_at(default_keep_alive),
        )

    def describe(self, default_keep_alive: float, now: float) -> LoadedModel:
        """What others may know."""
        left = self.expires_at(default_keep_alive) - now
        if math.isinf(left):
            left = self.lifetime(default_keep_alive)
        return LoadedModel(
            name=self.spec.name,
            names=tuple(self.names),
            key=self.spec.key,
            state=_STATES[self.state],
            progress=self.progress,
            memory=self.memory,
            memory_gpu=self.loaded.memory_gpu if self.loaded else 0,
            context_length=self.opened.context_length,
            expires_at=datetime.now(UTC) + timedelta(seconds=min(max(left, 0.0), _LONGEST)),
            active=self.active,
            loaded=self.loaded,
            spec=self.spec,
        )


_STATES: dict[State, Literal["loading", "ready", "stopping"]] = {
    State.LOADING: "loading",
    State.READY: "ready",
    State.STOPPING: "stopping",
}
