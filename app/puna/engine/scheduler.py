"""Who gets which runner when: carries out what :mod:`puna.engine.plan` decides.

Every change of state is a plain function that runs to its end on the event
loop (:meth:`Scheduler._turn`); what takes time - loads, unloads - runs as a task
of :class:`Fleet`, which calls back. So no locks are needed.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from puna.engine.compatibility import serves
from puna.engine.config import EngineConfig, ModelSpec
from puna.engine.fleet import Fleet
from puna.engine.hardware import Machine
from puna.engine.instance import Instance, LoadedModel
from puna.engine.lease import Lease
from puna.engine.plan import Limits, Plan, State, Waiting, plan
from puna.errors import OutOfMemory, PunaError, QueueFull, ShuttingDown

logger = logging.getLogger(__name__)

_GIB = 1 << 30
_MODELS_PER_GPU = 3


@dataclass(slots=True, eq=False)
class _Ticket:
    """A request in the queue."""

    id: int
    spec: ModelSpec
    keep_alive: float | None
    served: asyncio.Future[Instance]
    overtaken: int = 0


class Scheduler:
    """Loads models on demand, keeps them for a while, shares them among requests.

    Belongs to the event loop on which it is used first.

    Args:
        config: limits and times.
        environment: the variables of this process; runners get a safe part of them.
        runner_command: how to start a runner; empty = as this program is installed.
        machine: what memory there is.
        on_change: called after :meth:`loaded` changed in a way worth showing.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        environment: Mapping[str, str],
        runner_command: Sequence[str] = (),
        machine: Machine | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.machine = machine or Machine()
        self._config = config
        self._waiting: list[_Ticket] = []
        self._ids = itertools.count(1)
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._fleet = Fleet(
            config,
            environment=environment,
            runner_command=runner_command,
            machine=self.machine,
            on_change=on_change,
            on_turn=self._turn,
            on_failure=self._fail_waiters,
        )

    # -- for services -----------------------------------------------------------

    def start(self) -> None:
        """Get ready for the first request: start a spare runner soon."""
        self._fleet.prepare_spare()

    @asynccontextmanager
    async def acquire(self, spec: ModelSpec, keep_alive: float | None) -> AsyncIterator[Lease]:
        """Wait until the model and its adapters are loaded, and keep it so inside the block.

        Args:
            spec: what is needed.
            keep_alive: seconds the model stays after its last request; negative
                or inf = for ever; ``None`` = what it has, or the default.

        Raises:
            QueueFull: too many requests wait already.
            ModelLoadError: the model or one of its adapters cannot be loaded;
                OutOfMemory among them.
            ShuttingDown: the scheduler is being closed.
        """
        started, ahead = asyncio.get_running_loop().time(), len(self._waiting)
        instance = await self._wait_for(spec, keep_alive)
        ahead += instance.queued
        renew = functools.partial(self._renew, spec, keep_alive)
        lease = Lease(instance, spec.adapters, renew, self._fleet.retire_idle, ahead)
        try:
            await lease.adapt()
            lease.load_ns = int((asyncio.get_running_loop().time() - started) * 1e9)
            yield lease
        finally:
            self._release(lease.instance)

    def has_ready(self, spec: ModelSpec) -> bool:
        """Whether a model in memory serves ``spec`` as it is."""
        return any(
            one.state is State.READY and serves(one.opened, spec, busy=one.active > 0)
            for one in self._fleet
        )

    async def unload(self, model: str, *, wait: bool = False) -> bool:
        """Let go of a model as soon as its requests have ended.

        Args:
            model: its key or one of its names.
            wait: return only when its memory is free.

        Returns:
            Whether it was in memory.
        """
        found = [one for one in self._fleet if model in (one.spec.key, *one.names)]
        for instance in found:
            instance.keep_alive = 0.0
        self._turn()
        if wait:
            for instance in found:
                await instance.gone.wait()
        return bool(found)

    def loaded(self) -> list[LoadedModel]:
        """All models in memory, also those that load or stop; longest life first."""
        now, default = asyncio.get_running_loop().time(), self._config.keep_alive
        models = [one.describe(default, now) for one in self._fleet]
        return sorted(models, key=lambda model: model.expires_at, reverse=True)

    @property
    def waiting(self) -> int:
        """Requests that wait for a model, or for a slot of one."""
        return len(self._waiting) + sum(one.queued for one in self._fleet)

    def free_memory(self) -> int:
        """Bytes one more model may take now without unloading others."""
        return self.machine.free(
            taken=self._fleet.gpu_memory,
            promised=self._fleet.untouched_memory,
            gpu_overhead=self._config.gpu_overhead,
        )

    def available_memory(self) -> int:
        """Bytes a model may take when all others are unloaded."""
        held = self._fleet.gpu_memory if self.machine.gpus else self._fleet.memory
        return self.free_memory() + held

    def configure(self, config: EngineConfig) -> None:
        """Take new limits and times at once."""
        self._config = config
        self._fleet.configure(config)
        self._turn()

    async def aclose(self) -> None:
        """Refuse new requests, fail the open ones, end all runners. Idempotent."""
        self._closing = True
        self._turn()
        await self._fleet.aclose()

    # -- waiting and leaving ------------------------------------------------------

    async def _wait_for(self, spec: ModelSpec, keep_alive: float | None) -> Instance:
        if self._closing:
            raise ShuttingDown
        self._check_capacity(spec)
        if keep_alive is not None and keep_alive < 0:
            keep_alive = math.inf
        served = asyncio.get_running_loop().create_future()
        ticket = _Ticket(next(self._ids), spec, keep_alive, served)
        self._waiting.append(ticket)
        self._abort_unwanted_loads()
        self._turn()
        try:
            self._check_queue(ticket)
            return await ticket.served
        except BaseException:
            self._withdraw(ticket)
            raise

    def _check_capacity(self, spec: ModelSpec) -> None:
        """Refuse what cannot fit into this machine even alone."""
        if spec.estimate is None or any(serves(one.opened, spec, busy=True) for one in self._fleet):
            return
        capacity = self.machine.capacity()
        if spec.estimate > capacity:
            raise OutOfMemory(
                f"model requires more system memory ({spec.estimate / _GIB:.1f} GiB) "
                f"than is available ({capacity / _GIB:.1f} GiB); {_what_fits(spec)}"
            )

    def _check_queue(self, ticket: _Ticket) -> None:
        """The first in the queue is in work; behind it there is room for ``max_queue``."""
        if ticket in self._waiting and len(self._waiting) > self._config.max_queue + 1:
            raise QueueFull

    def _withdraw(self, ticket: _Ticket) -> None:
        """The request left, before or just when it was served."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            self._reconsider_loads()
            self._turn()
        elif (instance := _result_of(ticket.served)) is not None:
            self._release(instance)

    def _reconsider_loads(self) -> None:
        """Free the way for those who still wait; else give a load a little time."""
        if self._waiting:
            self._abort_unwanted_loads()
        else:
            delay = self._config.abandon_after
            asyncio.get_running_loop().call_later(delay, self._abort_unwanted_loads)

    def _abort_unwanted_loads(self) -> None:
        for instance in self._fleet:
            wanted = any(serves(instance.opened, one.spec, busy=True) for one in self._waiting)
            if instance.state is State.LOADING and not wanted:
                logger.info("%s: load aborted, nobody waits for it any more", instance.spec.name)
                self._fleet.abort(instance)

    def _fail_waiters(self, instance: Instance, error: PunaError) -> None:
        """All who wait for this load fail now, or each would try it again in turn."""
        for ticket in self._waiting:
            if not ticket.served.done() and serves(instance.opened, ticket.spec, busy=True):
                ticket.served.set_exception(error)

    def _release(self, instance: Instance) -> None:
        self._fleet.end_use(instance)
        self._turn()

    async def _renew(self, spec: ModelSpec, keep_alive: float | None, lost: Instance) -> Instance:
        """Another runner for a lease whose runner is gone; on failure it keeps the old."""
        instance = await self._wait_for(spec, keep_alive)
        self._release(lost)
        return instance

    # -- the turn -----------------------------------------------------------------

    def _turn(self) -> None:
        """Do all that can be done now. Called after every change."""
        self._waiting = [one for one in self._waiting if not one.served.done()]
        if self._closing:
            self._dismiss_waiters()
        elif self._waiting:
            self._carry_out(self._plan())
        self._unload_expired()
        self._set_timer()

    def _dismiss_waiters(self) -> None:
        for ticket in self._waiting:
            ticket.served.set_exception(ShuttingDown())
        self._waiting.clear()

    def _plan(self) -> Plan:
        default = self._config.keep_alive
        return plan(
            [Waiting(one.id, one.spec, one.overtaken) for one in self._waiting],
            [one.resident(default) for one in self._fleet],
            Limits(
                free_memory=self.free_memory(),
                max_loaded=self._max_loaded,
                max_overtakes=self._config.max_overtakes,
            ),
        )

    @property
    def _max_loaded(self) -> int:
        return self._config.max_loaded or _MODELS_PER_GPU * max(1, len(self.machine.gpus))

    def _carry_out(self, decided: Plan) -> None:
        tickets = {ticket.id: ticket for ticket in self._waiting}
        for ticket_id in decided.overtaken:
            tickets[ticket_id].overtaken += 1
        for ticket_id, instance_id in decided.assign:
            self._assign(tickets[ticket_id], self._fleet[instance_id])
        for instance_id in decided.unload:
            self._fleet.retire(self._fleet[instance_id])
        if decided.load is not None:
            self._fleet.load(tickets[decided.load].spec)

    def _assign(self, ticket: _Ticket, instance: Instance) -> None:
        self._waiting.remove(ticket)
        instance.names[ticket.spec.name] = None
        if ticket.keep_alive is not None:
            instance.keep_alive = ticket.keep_alive
        elif instance.keep_alive is None:
            instance.keep_alive = ticket.spec.keep_alive
        ticket.served.set_result(instance)
        self._fleet.begin_use(instance)

    def _unload_expired(self) -> None:
        now = asyncio.get_running_loop().time()
        for instance in self._fleet:
            if instance.expires_at(self._config.keep_alive) <= now:
                self._fleet.retire(instance)

    def _set_timer(self) -> None:
        """Come back when the next keep-alive ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [one.expires_at(self._config.keep_alive) for one in self._fleet]
        if (first := min(due, default=math.inf)) < math.inf:
            self._timer = asyncio.get_running_loop().call_at(first, self._turn)


def _what_fits(spec: ModelSpec) -> str:
    if spec.largest_context:
        return f"a context length (num_ctx) of up to {spec.largest_context} would fit"
    return "a smaller model or quantization may fit"


def _result_of(future: asyncio.Future[Instance]) -> Instance | None:
    if not future.done() or future.cancelled() or future.exception():
        return None
    return future.result()
