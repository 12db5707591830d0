"""What to do next with loaded models: a decision, not an action.

The rules, in the order of the queue:

- A request whose model is up is assigned, also past one that waits for a load.
- Never two loads at once, and a load that needs room first gets it by
  unloading idle models, the one with the least time left first.
- A model that fits beside nothing is loaded alone.
- A request that needs room from busy runners waits for them. Later requests may
  go to these runners, or load a model that still fits, a bounded number of
  times; then they wait behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from puna.engine.compatibility import Opened, serves
from puna.engine.config import ModelSpec


class State(Enum):
    """Of a model in memory. ``STOPPING``: takes no new requests, will be gone."""

    LOADING = auto()
    READY = auto()
    STOPPING = auto()


@dataclass(frozen=True, slots=True)
class Resident:
    """A model that takes memory.

    Attributes:
        memory: bytes that come back when it is unloaded.
        active: requests it works for.
        expires_at: when its keep-alive ends if it stays idle, monotonic s.
    """

    id: int
    opened: Opened
    state: State
    memory: int = 0
    active: int = 0
    expires_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request in the queue. ``overtaken``: how often later ones passed it."""

    id: int
    spec: ModelSpec
    overtaken: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """``free_memory`` in bytes; the counts as in :class:`EngineConfig`, none 0."""

    free_memory: int
    max_loaded: int
    max_overtakes: int


@dataclass(slots=True)
class Plan:
    """The outcome of one :func:`plan` call; the scheduler carries it out.

    Attributes:
        assign: pairs of request id and resident id.
        load: id of the request whose model is to be loaded now.
        unload: ids of idle residents.
        overtaken: ids of requests that were passed, once per time.
    """

    assign: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    load: int | None = None
    unload: list[int] = field(default_factory=list[int])
    overtaken: list[int] = field(default_factory=list[int])


def plan(waiting: Sequence[Waiting], residents: Sequence[Resident], limits: Limits) -> Plan:
    """Decide which runner serves which request, and what to load and unload."""
    desk = _Desk(residents, limits)
    for request in waiting:
        desk.consider(request)
    return desk.result


@dataclass(slots=True)
class _Blocked:
    """A request that waits for busy runners."""

    request: Waiting
    needs: frozenset[int]
    overtaken: int


class _Desk:
    """The state of one planning: the residents, and what was decided so far."""

    def __init__(self, residents: Sequence[Resident], limits: Limits) -> None:
        self.result = Plan()
        self._limits = limits
        self._residents = residents
        self._by_key = {resident.opened.spec.key: resident for resident in residents}
        self._busy = {resident.id for resident in residents if resident.active}
        self._blocked: list[_Blocked] = []
        self._may_load = all(resident.state is not State.LOADING for resident in residents)
        self._may_unload = self._may_load

    def consider(self, request: Waiting) -> None:
        """Take the next request of the queue."""
        resident = self._by_key.get(request.spec.key)
        if resident is None:
            self._seek_room(request)
        elif resident.state is State.READY and resident.id not in self.result.unload:
            self._use(request, resident)

    def _use(self, request: Waiting, resident: Resident) -> None:
        busy = resident.id in self._busy
        if not serves(resident.opened, request.spec, busy=busy):
            self._replace(request, resident)
        elif self._pass_blocked(frozenset({resident.id})):
            self._busy.add(resident.id)
            self.result.assign.append((request.id, resident.id))

    def _replace(self, request: Waiting, resident: Resident) -> None:
        """The model is up with other options: it must go before it can load again."""
        if resident.id in self._busy:
            self._block(request, frozenset({resident.id}))
        elif self._may_unload and not self._blocked:
            self._unload([resident])

    def _seek_room(self, request: Waiting) -> None:
        if not self._may_load:
            return
        if not self._residents or self._fits(request):
            if self._pass_blocked(frozenset()):
                self.result.load = request.id
                self._may_load = self._may_unload = False
        elif self._may_unload and not self._blocked:
            self._make_room(request)

    def _make_room(self, request: Waiting) -> None:
        if any(resident.state is State.STOPPING for resident in self._residents):
            self._may_load = self._may_unload = False
            return
        idle = [resident for resident in self._residents if resident.id not in self._busy]
        victims = self._victims(request, sorted(idle, key=lambda one: one.expires_at))
        if victims is not None:
            self._unload(victims)
        else:
            self._block(request, frozenset(self._busy))

    def _victims(self, request: Waiting, idle: list[Resident]) -> list[Resident] | None:
        """The first of ``idle`` that make enough room; all, if then nothing is left."""
        memory, count = self._limits.free_memory, len(self._residents)
        for taken, resident in enumerate(idle, start=1):
            memory += resident.memory
            count -= 1
            if self._has_room(request, memory, count):
                return idle[:taken]
        return idle if not self._busy else None

    def _fits(self, request: Waiting) -> bool:
        return self._has_room(request, self._limits.free_memory, len(self._residents))

    def _has_room(self, request: Waiting, memory: int, count: int) -> bool:
        return (request.spec.estimate or 0) <= memory and count < self._limits.max_loaded

    def _unload(self, victims: list[Resident]) -> None:
        self.result.unload += [victim.id for victim in victims]
        self._may_load = self._may_unload = False

    def _block(self, request: Waiting, needs: frozenset[int]) -> None:
        self._blocked.append(_Blocked(request, needs, request.overtaken))

    def _pass_blocked(self, uses: frozenset[int]) -> bool:
        """Whether a later request may go ahead, and if so, note whom it passes.

        Args:
            uses: residents it keeps busy; none for one that takes free room.
        """
        passed = [one for one in self._blocked if not uses or one.needs & uses]
        if any(one.overtaken >= self._limits.max_overtakes for one in passed):
            return False
        for one in passed:
            one.overtaken += 1
            self.result.overtaken.append(one.request.id)
        return True
