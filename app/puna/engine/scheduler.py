"""Who gets which runner when: carries out what :mod:`puna.engine.plan` decides.

Every change of state is a plain function that runs to its end on the event
loop (:meth:`Scheduler._turn`); what takes time - loads, unloads - runs as a task
that this object owns, and calls back. So no locks are needed.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from puna.engine import launch
from puna.engine.compatibility import serves
from puna.engine.config import EngineConfig, ModelSpec
from puna.engine.hardware import Machine
from puna.engine.instance import Instance, LoadedModel
from puna.engine.lease import Lease
from puna.engine.loading import open_with_remedies
from puna.engine.plan import Limits, Plan, State, Waiting, plan
from puna.engine.runner_process import RunnerProcess
from puna.engine.spare import Spare
from puna.errors import OutOfMemory, PunaError, QueueFull, RunnerError, ShuttingDown
from puna.runner.protocol import Loaded

logger = logging.getLogger(__name__)

_GIB = 1 << 30
_MODELS_PER_GPU = 3
_STOP_GRACE = 5.0
"""Seconds a runner may take to write its conversations to disk before it is ended."""

_SPARE_DELAY = 1.0
"""Seconds after a start or a load until the next spare runner is started: the
load and its first answer come first."""


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
        runner_command: how to start a runner, for tests and odd installations.
        machine: what memory there is.
        on_change: called after :meth:`loaded` changed in a way worth showing.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        environment: Mapping[str, str],
        runner_command: Sequence[str] | None = None,
        machine: Machine | None = None,
        on_change: Callable[[], None] = lambda: None,
    ) -> None:
        self.machine = machine or Machine()
        self._config = config
        self._environment = launch.runner_environment(environment)
        self._command = tuple(runner_command or launch.runner_command())
        self._on_change = on_change
        self._waiting: list[_Ticket] = []
        self._instances: dict[int, Instance] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = itertools.count(1)
        self._spare = Spare(self._spawn_spare)
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False

    # -- for services -----------------------------------------------------------

    def start(self) -> None:
        """Get ready for the first request: start a spare runner soon."""
        self._prepare_spare()

    @asynccontextmanager
    async def acquire(self, spec: ModelSpec, keep_alive: float | None) -> AsyncIterator[Lease]:
        """Wait until the model is loaded, and keep it loaded inside the block.

        Args:
            spec: what is needed.
            keep_alive: seconds the model stays after its last request; negative
                or inf = for ever; ``None`` = what it has, or the default.

        Raises:
            QueueFull: too many requests wait already.
            ModelLoadError: the model cannot be loaded; OutOfMemory among them.
            ShuttingDown: the scheduler is being closed.
        """
        started = asyncio.get_running_loop().time()
        instance = await self._wait_for(spec, keep_alive)
        waited = asyncio.get_running_loop().time() - started
        renew = functools.partial(self._renew, spec, keep_alive)
        lease = Lease(instance, renew, int(waited * 1e9))
        try:
            yield lease
        finally:
            self._release(lease.instance)

    async def unload(self, model: str, *, wait: bool = False) -> bool:
        """Let go of a model as soon as its requests have ended.

        Args:
            model: its key or one of its names.
            wait: return only when its memory is free.

        Returns:
            Whether it was in memory.
        """
        found = [one for one in self._instances.values() if model in (one.spec.key, *one.names)]
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
        models = [one.describe(default, now) for one in self._instances.values()]
        return sorted(models, key=lambda model: model.expires_at, reverse=True)

    def free_memory(self) -> int:
        """Bytes one more model may take now without unloading others."""
        taken = sum(one.loaded.memory_gpu for one in self._instances.values() if one.loaded)
        return self.machine.free(taken=taken, gpu_overhead=self._config.gpu_overhead)

    def available_memory(self) -> int:
        """Bytes a model may take when all others are unloaded."""
        models = [one.loaded for one in self._instances.values() if one.loaded]
        on_gpu = bool(self.machine.gpus)
        held = sum(one.memory_gpu if on_gpu else one.memory for one in models)
        return self.free_memory() + held

    def configure(self, config: EngineConfig) -> None:
        """Take new limits and times at once."""
        self._config = config
        if config.keep_spare:
            self._prepare_spare()
        else:
            self._own(self._spare.drop())
        self._turn()

    async def aclose(self) -> None:
        """Refuse new requests, fail the open ones, end all runners. Idempotent."""
        self._closing = True
        self._turn()
        for instance in list(self._instances.values()):
            self._dismiss(instance)
        await self._spare.drop()
        while self._tasks:
            await asyncio.wait(self._tasks)

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
        self._turn()
        try:
            self._check_queue(ticket)
            return await ticket.served
        except BaseException:
            self._withdraw(ticket)
            raise

    def _check_capacity(self, spec: ModelSpec) -> None:
        """Refuse what cannot fit into this machine even alone."""
        if spec.estimate is None or any(
            serves(one.opened, spec, busy=True) for one in self._instances.values()
        ):
            return
        capacity = self.machine.capacity()
        if spec.estimate > capacity:
            raise OutOfMemory(
                f"model requires more system memory ({spec.estimate / _GIB:.1f} GiB) "
                f"than is available ({capacity / _GIB:.1f} GiB)"
            )

    def _check_queue(self, ticket: _Ticket) -> None:
        """The first in the queue is in work; behind it there is room for ``max_queue``."""
        if ticket in self._waiting and len(self._waiting) > self._config.max_queue + 1:
            raise QueueFull

    def _withdraw(self, ticket: _Ticket) -> None:
        """The request left, before or just when it was served."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            self._abort_unwanted_loads()
            self._turn()
        elif (instance := _result_of(ticket.served)) is not None:
            self._release(instance)

    def _abort_unwanted_loads(self) -> None:
        for instance in self._instances.values():
            wanted = any(serves(instance.opened, one.spec, busy=True) for one in self._waiting)
            if instance.state is State.LOADING and not wanted and instance.loading:
                logger.info("%s: load aborted, nobody waits for it any more", instance.spec.name)
                instance.state = State.STOPPING
                instance.loading.cancel()

    def _release(self, instance: Instance) -> None:
        instance.active -= 1
        if not instance.active:
            instance.idle_since = asyncio.get_running_loop().time()
            if instance.state is State.STOPPING:
                self._stop(instance)
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
            for ticket in self._waiting:
                ticket.served.set_exception(ShuttingDown())
            self._waiting.clear()
            return
        if self._waiting:
            self._carry_out(self._plan())
        self._unload_expired()
        self._set_timer()

    def _plan(self) -> Plan:
        default = self._config.keep_alive
        return plan(
            [Waiting(one.id, one.spec, one.overtaken) for one in self._waiting],
            [one.resident(default) for one in self._instances.values()],
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
            self._assign(tickets[ticket_id], self._instances[instance_id])
        for instance_id in decided.unload:
            self._retire(self._instances[instance_id])
        if decided.load is not None:
            self._begin_load(tickets[decided.load].spec)

    def _assign(self, ticket: _Ticket, instance: Instance) -> None:
        self._waiting.remove(ticket)
        instance.active += 1
        instance.names[ticket.spec.name] = None
        if ticket.keep_alive is not None:
            instance.keep_alive = ticket.keep_alive
        ticket.served.set_result(instance)
        self._changed()

    def _unload_expired(self) -> None:
        now = asyncio.get_running_loop().time()
        for instance in list(self._instances.values()):
            if instance.expires_at(self._config.keep_alive) <= now:
                self._retire(instance)

    def _set_timer(self) -> None:
        """Come back when the next keep-alive ends."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = [one.expires_at(self._config.keep_alive) for one in self._instances.values()]
        if (first := min(due, default=math.inf)) < math.inf:
            self._timer = asyncio.get_running_loop().call_at(first, self._turn)

    # -- load -----------------------------------------------------------------------

    def _begin_load(self, spec: ModelSpec) -> None:
        instance = Instance(next(self._ids), spec, names={spec.name: None})
        self._instances[instance.id] = instance
        instance.loading = self._own(self._load(instance))
        instance.loading.add_done_callback(functools.partial(self._load_ended, instance))
        self._changed()

    async def _load(self, instance: Instance) -> None:
        """Load until ready; on failure tell those who wait for it."""
        attempt = functools.partial(self._attempt, instance)
        make_room = functools.partial(self._unload_others, instance)
        try:
            await open_with_remedies(instance.spec, attempt, make_room)
        except PunaError as error:
            logger.warning("%s: %s", instance.spec.name, error)
            self._load_failed(instance, error)
        except Exception:  # a bug must fail its requests, not stall the queue
            logger.exception("%s: load failed", instance.spec.name)
            self._load_failed(instance, RunnerError("internal error while loading"))

    def _load_failed(self, instance: Instance, error: PunaError) -> None:
        for ticket in self._waiting:
            if not ticket.served.done() and serves(instance.opened, ticket.spec, busy=True):
                ticket.served.set_exception(error)
        self._forget(instance)

    def _load_ended(self, instance: Instance, _: asyncio.Task[None]) -> None:
        """Also when the task was cancelled before it began."""
        instance.loading = None
        if instance.runner is None and not instance.gone.is_set():
            self._forget(instance)

    async def _attempt(self, instance: Instance, spec: ModelSpec) -> None:
        started = asyncio.get_running_loop().time()
        runner = await self._spare.take()
        runner.rename(spec.name)
        try:
            loaded = await runner.load(
                spec.load,
                stall=self._config.load_timeout,
                on_progress=functools.partial(self._progressed, instance),
            )
        except BaseException:
            await runner.destroy()
            raise
        took = asyncio.get_running_loop().time() - started
        logger.info("%s: loaded in %.1f s, %.1f GiB", spec.name, took, loaded.memory / _GIB)
        instance.spec = spec
        self._ready(instance, runner, loaded)

    def _progressed(self, instance: Instance, progress: float) -> None:
        before, instance.progress = instance.progress, progress
        if int(before * 100) != int(progress * 100):
            self._changed()

    def _ready(self, instance: Instance, runner: RunnerProcess, loaded: Loaded) -> None:
        instance.runner = runner
        instance.loaded = loaded
        instance.progress = 1.0
        instance.state = State.READY
        instance.idle_since = asyncio.get_running_loop().time()
        runner.on_end = functools.partial(self._forget, instance)
        if runner.is_ended:
            self._forget(instance)
            return
        self._prepare_spare()
        self._changed()
        self._turn()

    # -- unload -----------------------------------------------------------------------

    async def _unload_others(self, instance: Instance) -> bool:
        """Unload all other models, after their requests; whether there were any."""
        others = [one for one in self._instances.values() if one is not instance]
        for other in others:
            self._retire(other)
        for other in others:
            await other.gone.wait()
        return bool(others)

    def _retire(self, instance: Instance) -> None:
        """Give it no new requests, and end it when it has none."""
        if instance.state is State.READY:
            instance.state = State.STOPPING
            self._changed()
            if not instance.active:
                self._stop(instance)

    def _stop(self, instance: Instance) -> None:
        if instance.runner is not None and not instance.gone.is_set():
            self._own(instance.runner.stop(grace=_STOP_GRACE, trim=True))

    def _dismiss(self, instance: Instance) -> None:
        """End it now, whatever it does."""
        if instance.runner is not None:
            instance.state = State.STOPPING
            self._stop(instance)
        elif instance.loading is not None:
            instance.loading.cancel()

    def _forget(self, instance: Instance) -> None:
        """Its process is gone."""
        self._instances.pop(instance.id, None)
        instance.state = State.STOPPING
        instance.gone.set()
        self._changed()
        self._turn()

    # -- tasks and runners ---------------------------------------------------------

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _prepare_spare(self) -> None:
        if self._config.keep_spare and not self._closing:
            self._spare.prepare(delay=_SPARE_DELAY)

    async def _spawn_spare(self) -> RunnerProcess:
        runner = await RunnerProcess.spawn(
            self._command,
            self._environment,
            name="runner",
            start_timeout=self._config.load_timeout,
            hang_timeout=self._config.hang_timeout,
        )
        taken = sum(one.loaded.memory_gpu for one in self._instances.values() if one.loaded)
        self.machine.note(runner.hello.devices, taken=taken)
        return runner

    def _changed(self) -> None:
        self._on_change()


def _result_of(future: asyncio.Future[Instance]) -> Instance | None:
    if not future.done() or future.cancelled() or future.exception():
        return None
    return future.result()
