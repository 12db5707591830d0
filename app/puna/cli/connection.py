"""How a command reaches the server, and what it does when there is none."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from puna.cli import background, console
from puna.client import HttpAnswer, PunaClient
from puna.config import admin_token
from puna.config.paths import Folders
from puna.config.settings import Settings
from puna.config.sources import load_process
from puna.errors import PunaError, ServerUnreachable

Json = dict[str, Any]


@dataclass(frozen=True)
class Surroundings:
    """The settings and folders that a command runs with."""

    settings: Settings
    folders: Folders

    @cached_property
    def url(self) -> str:
        """Where the server is."""
        return self.settings.host.url

    @property
    def may_start(self) -> bool:
        """Whether the server is one of this machine, which we may start ourselves."""
        host = self.settings.host
        everywhere = host.host in ("", "0.0.0.0", "::")
        return host.scheme == "http" and not host.path and (host.is_loopback or everywhere)

    def client(self) -> PunaClient:
        """A client that is not connected yet."""
        token = admin_token.read(self.folders.admin_token_file) or ""
        return PunaClient(self.url, api_key=self.settings.api_key, admin_token=token)


def surroundings() -> Surroundings:
    """Read the settings of this process; what is wrong with them is said on stderr."""
    loaded, folders = load_process()
    for warning in loaded.warnings:
        console.err(f"Warning: {warning}")
    return Surroundings(loaded.settings, folders)


@asynccontextmanager
async def connected(around: Surroundings) -> AsyncIterator[PunaClient]:
    """A client whose server answers; starts one in the background when there is none.

    Raises:
        ServerUnreachable: no server, and none that we may or can start.
    """
    async with around.client() as client:
        if not await client.is_up():
            if not around.may_start:
                raise ServerUnreachable(
                    "could not connect to puna server, run 'puna serve' to start it"
                )
            await background.start(client.is_up, around.folders.logs)
        yield client


def run(work: Callable[[PunaClient], Awaitable[None]], around: Surroundings | None = None) -> None:
    """Run a command that needs a server."""
    # What goes wrong is told by the error; a library's log line would only repeat it.
    logging.basicConfig(level=logging.CRITICAL)

    async def main() -> None:
        async with connected(around or surroundings()) as client:
            await work(client)

    asyncio.run(main())


async def streamed(stream: AsyncGenerator[Json, None]) -> AsyncGenerator[Json, None]:
    """A stream of the client; a refusal by HTTP status has the status in its text, as Ollama's.

    Raises:
        PunaError: what the stream raises.
    """
    async with aclosing(stream):
        try:
            async for item in stream:
                yield item
        except PunaError as error:
            answer = error.__cause__
            if isinstance(answer, HttpAnswer) and answer.line != str(error):
                raise PunaError(f"{answer.line}: {error}") from error
            raise
