"""The models in memory: loads them, ends them, and owns the tasks that do so.

What is to be loaded and ended is decided elsewhere (:mod:`puna.engine.scheduler`).
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any

from puna.engine import launch
from puna.engine.config import EngineConfig, ModelSpec
from puna.engine.hardware import Machine
from puna.engine.instance import Instance
from puna.engine.loading import open_with_remedies
from puna.engine.plan import State
from puna.engine.runner_process import RunnerProcess
from puna.engine.spare import Spare
from puna.errors import PunaError, RunnerError
from puna.runner.protocol import Loaded

logger = logging.getLogger(__name__)

_GIB = 1 << 30
_STOP_GRACE = 5.0
"""Seconds a runner may take to write its conversations to disk before it is ended."""

_SPARE_DELAY = 1.0
"""Seconds after a start or a load until the next spare runner is started: the
load and its first answer come first."""


class Fleet:
    """All instances, from the decision to load until the process is gone.

    Args:
        config: limits and times; replaced by :meth:`configure`.
        environment: the variables of this process; runners get a safe part of them.
        runner_command: how to start a runner; empty = as this program is installed.
        machine: learns the devices that runners report.
        on_change: something changed that is worth showing.
        on_turn: something changed that may let a request go on.
        on_failure: a load failed; the instance is still there.
    """

    def __init__(
        self,
        config: EngineConfig,
        *,
        environment: Mapping[str, str],
        runner_command: Sequence[str],
        machine: Machine,
        on_change: Callable[[], None],
        on_turn: Callable[[], None],
        on_failure: Callable[[Instance, PunaError], None],
    ) -> None:
        self._config = config
        self._environment = launch.runner_environment(environment)
        self._command = tuple(runner_command) or launch.runner_command()
        self._machine = machine
        self._on_change = on_change
        self._on_turn = on_turn
        self._on_failure = on_failure
        self._instances: dict[int, Instance] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._ids = itertools.count(1)
        self._spare = Spare(self._spawn, lambda: any(one.active for one in self))
        self._closing = False

    # -- what there is --------------------------------------------------------------

    def __iter__(self) -> Iterator[Instance]:
        return iter(list(self._instances.values()))

    def __getitem__(self, instance_id: int) -> Instance:
        return self._instances[instance_id]

    @property
    def gpu_memory(self) -> int:
        """Bytes that our models hold on GPUs."""
        return sum(one.loaded.memory_gpu for one in self if one.loaded)

    @property
    def untouched_memory(self) -> int:
        """Bytes of main memory that are free and will not be: our models have yet to take them."""
        return sum(one.runner.untouched for one in self if one.runner)

    @property
    def memory(self) -> int:
        """Bytes that our models hold, on all devices."""
        return sum(one.memory for one in self if one.loaded)

    # -- spare ------------------------------------------------------------------------

    def prepare_spare(self) -> None:
        """Start a spare runner soon, if one is to be kept."""
        if self._config.keep_spare and not self._closing:
            self._spare.prepare(delay=_SPARE_DELAY)

    def configure(self, config: EngineConfig) -> None:
        """Take new limits and times."""
        self._config = config
        if config.keep_spare:
            self.prepare_spare()
        else:
            self._own(self._spare.drop())

    async def _spawn(self) -> RunnerProcess:
        runner = await RunnerProcess.spawn(
            self._command,
            self._environment,
            name="runner",
            start_timeout=self._config.load_timeout,
            hang_timeout=self._config.hang_timeout,
        )
        self._machine.meet(runner.hello, taken=self.gpu_memory)
        return runner

    # -- load ---------------------------------------------------------------------------

    def load(self, spec: ModelSpec) -> None:
        """Begin to load a model."""
        instance = Instance(next(self._ids), spec, names={spec.name: None})
        self._instances[instance.id] = instance
        instance.loading = self._own(self._load(instance))
        instance.loading.add_done_callback(functools.partial(self._load_ended, instance))
        self._on_change()

    def abort(self, instance: Instance) -> None:
        """Give up a load."""
        if instance.state is State.LOADING and instance.loading is not None:
            instance.state = State.STOPPING
            instance.loading.cancel()

    async def _load(self, instance: Instance) -> None:
        attempt = functools.partial(self._attempt, instance)
        make_room = functools.partial(self._unload_others, instance)
        try:
            await open_with_remedies(instance.spec, attempt, make_room)
        except PunaError as error:
            logger.warning("%s: %s", instance.spec.name, error)
            self._fail(instance, error)
        except Exception:  # a bug must fail its requests, not stall the queue
            logger.exception("%s: load failed", instance.spec.name)
            self._fail(instance, RunnerError("internal error while loading"))

    def _fail(self, instance: Instance, error: PunaError) -> None:
        self._on_failure(instance, error)
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
            self._on_change()

    def _ready(self, instance: Instance, runner: RunnerProcess, loaded: Loaded) -> None:
        instance.runner = runner
        instance.loaded = loaded
        self._machine.look_again()
        instance.progress = 1.0
        instance.state = State.READY
        instance.idle_since = asyncio.get_running_loop().time()
        runner.on_settled = self._machine.look_again
        runner.on_end = functools.partial(self._forget, instance)
        if runner.is_ended:
            self._forget(instance)
            return
        if loaded.devices:
            self._machine.note(loaded.devices, taken=self.gpu_memory)
        self.prepare_spare()
        self._on_change()
        self._on_turn()

    # -- use ------------------------------------------------------------------------------

    def begin_use(self, instance: Instance) -> None:
        """One more request works with it."""
        instance.active += 1
        if instance.active == 1:
            self._on_change()

    def end_use(self, instance: Instance) -> None:
        """One request less."""
        instance.active -= 1
        if instance.active:
            return
        instance.idle_since = asyncio.get_running_loop().time()
        if instance.state is State.STOPPING:
            self._stop(instance)
        self._on_change()

    # -- end ------------------------------------------------------------------------------

    def retire(self, instance: Instance) -> None:
        """Give it no new requests, and end it when it has none."""
        if instance.state is State.READY:
            instance.state = State.STOPPING
            self._on_change()
            if not instance.active:
                self._stop(instance)

    def retire_idle(self) -> None:
        """Memory ran out while a model was running: end those that do nothing.

        Source: contract 10.6.
        """
        for instance in self:
            if not instance.active:
                self.retire(instance)

    async def aclose(self) -> None:
        """End all runners now, whatever they do, and wait for that. Idempotent."""
        self._closing = True
        for instance in self:
            self.abort(instance)
            instance.state = State.STOPPING
            self._stop(instance)
        await self._spare.drop()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _unload_others(self, instance: Instance) -> bool:
        """Unload all other models, after their requests; whether there were any."""
        others = [one for one in self if one is not instance]
        for other in others:
            self.retire(other)
        for other in others:
            await other.gone.wait()
        return bool(others)

    def _stop(self, instance: Instance) -> None:
        if instance.runner is not None and not instance.gone.is_set():
            self._own(instance.runner.stop(grace=_STOP_GRACE, trim=True))

    def _forget(self, instance: Instance) -> None:
        """Its process is gone."""
        self._instances.pop(instance.id, None)
        instance.state = State.STOPPING
        instance.gone.set()
        self._machine.look_again()
        self._on_change()
        self._on_turn()

    def _own(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
