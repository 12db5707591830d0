"""Pulls and pushes: each runs once, however many watch it.

A transfer lives as long as somebody watches it, or to its end when one of them
wanted that. What it has downloaded when it ends early stays on disk, and the
next pull goes on from there.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from puna.config.settings import Settings
from puna.errors import InvalidName, NotFound, PunaError, RequestCanceled, ShuttingDown
from puna.names import ModelName
from puna.registry.auth import Authorizer
from puna.registry.client import RegistryClient, Repository
from puna.registry.credentials import Login, docker_login
from puna.registry.download import Pace
from puna.registry.retry import RetryPolicy
from puna.registry.transport import Routes, tls_context
from puna.services.broadcast import Broadcast, Report, TransferStatus
from puna.services.pulling import Fetches, Pull, require_portable
from puna.services.pushing import Push, missing
from puna.services.surveying import Survey, survey
from puna.store.store import Store

if TYPE_CHECKING:
    from puna.registry.identity import Identity

logger = logging.getLogger(__name__)

Work = Callable[[Report], Awaitable[None]]


class Kind(Enum):
    """Direction of a transfer."""

    PULL = "pull"
    PUSH = "push"


@dataclass(frozen=True, slots=True)
class Job:
    """A running transfer, for people. Numbers are bytes of the blobs seen so far."""

    id: int
    kind: Kind
    name: str
    status: str
    total: int
    completed: int
    started: datetime


@dataclass(frozen=True, slots=True)
class Logins:
    """Where the keys and logins of this user are.

    Attributes:
        key_folder: folder of the key pair that signs token requests.
        docker_file: Docker's settings, for logins made by ``docker login``.
    """

    key_folder: Path = field(default_factory=lambda: Path.home() / ".ollama")
    docker_file: Path = field(default_factory=lambda: Path.home() / ".docker" / "config.json")


class Transfers:
    """Starts transfers, lets others join them, and ends them."""

    def __init__(
        self,
        store: Store,
        settings: Callable[[], Settings],
        *,
        on_pulled: Callable[[], None] = lambda: None,
        logins: Logins | None = None,
        retry: RetryPolicy | None = None,
    ) -> None:
        """Start nothing yet.

        Args:
            store: where models are.
            settings: gives the values in force whenever a transfer begins.
            on_pulled: called when a model has come.
            logins: keys and logins of this user.
            retry: how often to try, and how long to wait.
        """
        self._store = store
        self._settings = settings
        self._on_pulled = on_pulled
        self._logins = logins or Logins()
        self._retry = retry or RetryPolicy()
        self._fetches = Fetches()
        self._running: dict[int, _Transfer] = {}
        self._numbers = itertools.count(1)

    async def pull(
        self,
        name: ModelName,
        *,
        insecure: bool = False,
        login: Login | None = None,
        background: bool = False,
    ) -> AsyncGenerator[TransferStatus, None]:
        """Pull a model, or watch the pull of it that is running.

        Args:
            name: which model.
            insecure: plain http instead of https.
            login: user name and password, if the registry wants one.
            background: go on when nobody watches any more.

        Raises:
            InvalidName: before the first line; the name cannot be stored.
            PunaError: what ended the pull.
        """
        name = await self._stored_name(name)
        pace = Pace(connections=max(1, self._settings().max_transfer_streams))

        async def work(report: Report) -> None:
            async with self._client(name, insecure, login, mirror=self._mirror) as client:
                await Pull(self._store, client, name, self._fetches, report, pace).run()
            self._on_pulled()

        watching = self._watch(_Key(Kind.PULL, name, insecure), work, keep=background)
        async with contextlib.aclosing(watching) as lines:
            async for line in lines:
                yield line

    async def survey(self, name: ModelName, *, insecure: bool = False) -> Survey:
        """What :meth:`pull` would fetch; nothing is stored.

        Raises:
            InvalidName: the name cannot be stored.
            StoreReadOnly, RegistryError: it cannot be pulled.
        """
        name = await self._stored_name(name)
        async with self._client(name, insecure, None, mirror=self._mirror) as client:
            return await survey(self._store, client, name)

    async def push(
        self, name: ModelName, *, insecure: bool = False, login: Login | None = None
    ) -> AsyncGenerator[TransferStatus, None]:
        """Push a model, or watch the push of it that is running.

        Args:
            name: which model; a name that is not valid is told after the first line.
            insecure: plain http instead of https.
            login: user name and password, if the registry wants one.

        Raises:
            PunaError: what ended the push.
        """

        async def work(report: Report) -> None:
            if not name.is_valid:
                report(TransferStatus("retrieving manifest"))
                raise missing(self._store, name, report)
            stored = await asyncio.to_thread(self._store.library.resolve, name)
            async with self._client(stored, insecure, login) as client:
                await Push(self._store, client, stored, report).run()

        async with contextlib.aclosing(self._watch(_Key(Kind.PUSH, name, insecure), work)) as lines:
            async for line in lines:
                yield line

    def jobs(self) -> list[Job]:
        """The transfers that run now, oldest first."""
        return [transfer.job() for transfer in self._running.values()]

    async def cancel(self, number: int) -> None:
        """End a transfer for all who watch it; what was downloaded stays.

        Raises:
            NotFound: no such transfer is running.
        """
        for transfer in self._running.values():
            if transfer.number == number:
                await transfer.end(RequestCanceled("the transfer was canceled"))
                return
        raise NotFound(f"no transfer with the number {number}")

    async def aclose(self) -> None:
        """End all transfers."""
        for transfer in list(self._running.values()):
            await transfer.end(ShuttingDown())

    @property
    def _mirror(self) -> str:
        return self._settings().registry_mirror

    async def _stored_name(self, name: ModelName) -> ModelName:
        if not name.is_valid:
            raise InvalidName("invalid model name")
        name = await asyncio.to_thread(self._store.library.resolve, name)
        await asyncio.to_thread(require_portable, self._store, name)
        return name

    async def _watch(
        self, key: _Key, work: Work, *, keep: bool = False
    ) -> AsyncGenerator[TransferStatus, None]:
        transfer = self._join(key, work)
        transfer.watchers += 1
        transfer.is_kept = transfer.is_kept or keep
        try:
            async with contextlib.aclosing(transfer.broadcast.watch()) as lines:
                async for line in lines:
                    yield line
        finally:
            transfer.watchers -= 1
            if not transfer.watchers and not transfer.is_kept:
                self._forget(transfer)  # who comes now begins a new one
                await transfer.end(RequestCanceled("nobody watches the transfer"))

    def _join(self, key: _Key, work: Work) -> _Transfer:
        for transfer in self._running.values():
            if transfer.key == key:
                return transfer
        number = next(self._numbers)
        transfer = self._running[number] = _Transfer(number, key, work, self._forget)
        return transfer

    def _forget(self, transfer: _Transfer) -> None:
        self._running.pop(transfer.number, None)

    def _identity(self) -> Identity:
        # Few registries ask for a signature, and what makes one takes 7 MB.
        from puna.registry.identity import load_identity

        return load_identity(self._logins.key_folder)

    @contextlib.asynccontextmanager
    async def _client(
        self, name: ModelName, insecure: bool, login: Login | None, *, mirror: str = ""
    ) -> AsyncIterator[RegistryClient]:
        repository = Repository.of(name, insecure=insecure, mirror=mirror)
        docker_file = self._logins.docker_file
        known = login or await asyncio.to_thread(docker_login, repository.host, docker_file)
        auth = Authorizer(
            repository.origin,
            identity=self._identity,
            login=known,
        )
        await asyncio.to_thread(tls_context)  # the first one must not hold up all other requests
        async with Routes(trusted_hosts=self._settings().trusted_hosts) as routes:
            yield RegistryClient(repository, routes, auth, self._retry)


@dataclass(frozen=True, slots=True)
class _Key:
    """Requests with equal keys share one transfer."""

    kind: Kind
    name: ModelName
    insecure: bool

    def __str__(self) -> str:
        return f"{self.kind.value} of {self.name.full}"


class _Transfer:
    """The task of one transfer and what it has said so far."""

    def __init__(
        self, number: int, key: _Key, work: Work, on_end: Callable[[_Transfer], None]
    ) -> None:
        self.number = number
        self.key = key
        self.watchers = 0
        self.is_kept = False
        self.broadcast = Broadcast()
        self._started = datetime.now(UTC)
        self._status = ""
        self._counts: dict[str, TransferStatus] = {}
        self._on_end = on_end
        self._task = asyncio.create_task(self._run(work), name=str(key))
        self._task.add_done_callback(self._finish)

    def job(self) -> Job:
        """The transfer as people see it."""
        return Job(
            id=self.number,
            kind=self.key.kind,
            name=self.key.name.display,
            status=self._status,
            total=sum(line.total for line in self._counts.values()),
            completed=sum(line.completed for line in self._counts.values()),
            started=self._started,
        )

    async def end(self, error: PunaError) -> None:
        """Stop, tell the watchers, and wait until files and connections are closed."""
        self.broadcast.close(error)
        self._task.cancel()
        await asyncio.wait({self._task})

    async def _run(self, work: Work) -> None:
        await work(self._report)

    def _report(self, line: TransferStatus) -> None:
        self._status = line.status
        if line.digest:
            self._counts[line.digest] = line
        self.broadcast.publish(line)

    def _finish(self, task: asyncio.Task[None]) -> None:
        self._on_end(self)
        error = None if task.cancelled() else task.exception()
        if error is None or isinstance(error, PunaError):
            if error is not None and not self.watchers:
                logger.warning("the %s failed: %s", self.key, error)
            self.broadcast.close(error)
            return
        logger.error("the %s failed", self.key, exc_info=error)
        self.broadcast.close(PunaError("internal error; see the log of the server"))
