"""Commands that change models: cp, rm, stop, pull, push, create."""

from __future__ import annotations

import stat
import sys
from collections.abc import Sequence
from pathlib import Path

from puna.cli import connection, console
from puna.cli.connection import streamed
from puna.cli.progress import Progress, follow
from puna.client import PunaClient, create_from_modelfile
from puna.errors import InvalidInput, InvalidName, ModelNotFound, NotFound, PunaError, TooLarge
from puna.modelfile import Modelfile, check, parse
from puna.modelfile.parameters import is_parameter
from puna.names import DEFAULT_HOST, ModelName
from puna.options import DEPRECATED

_MAX_MODELFILE_BYTES = 100 * 10**6
_STDIN = "/dev/stdin"


def copy(source: str, destination: str) -> None:
    """Give a model a second name."""

    async def work(client: PunaClient) -> None:
        await client.copy(source, destination)
        console.out(f"copied '{source}' to '{destination}'")

    connection.run(work)


def remove(names: Sequence[str]) -> None:
    """Unload and delete models; the first that fails ends it."""

    async def work(client: PunaClient) -> None:
        for name in names:
            await _unload_quietly(client, name)
            await client.delete(name)
            console.out(f"deleted '{name}'")

    connection.run(work)


def stop(name: str) -> None:
    """Unload a model."""
    if not name:
        raise InvalidInput("model is required")

    async def work(client: PunaClient) -> None:
        try:
            await client.unload(name)
        except NotFound as error:
            raise ModelNotFound(name, f'couldn\'t find model "{name}" to stop') from error

    connection.run(work)


def pull(name: str, *, insecure: bool) -> None:
    """Download a model."""

    async def work(client: PunaClient) -> None:
        await pull_with_progress(client, name, insecure=insecure)

    connection.run(work)


async def pull_with_progress(client: PunaClient, name: str, *, insecure: bool) -> None:
    """Download a model, showing how far it is."""
    async with Progress() as progress:
        await follow(progress, streamed(client.pull(name, insecure)), "pulling")


def push(name: str, *, insecure: bool) -> None:
    """Upload a model."""

    async def work(client: PunaClient) -> None:
        async with Progress() as progress:
            await follow(progress, streamed(client.push(name, insecure)), "pushing")
        console.out(f"\nYou can find your model at:\n\n\t{_page(name)}")

    connection.run(work)


def create(name: str, file: str, *, quantize: str = "", draft_quantize: str = "") -> None:
    """Create a model from a Modelfile, or from the folder where there is none.

    Raises:
        InvalidName: the new name is not one.
        ModelfileError: the Modelfile does not parse.
    """
    path = Path(file)
    folder = Path.cwd() if file == _STDIN else path.absolute().parent

    async def work(client: PunaClient) -> None:
        if not ModelName.parse(name).is_valid:
            raise InvalidName(f"invalid model name: {name}")
        modelfile = _read(path)
        _warn_of_deprecated(modelfile)
        statuses = create_from_modelfile(
            client, name, modelfile, folder, quantize=quantize, draft_quantize=draft_quantize
        )
        async with Progress() as progress:
            await follow(progress, streamed(statuses), "copying")

    connection.run(work)


async def _unload_quietly(client: PunaClient, name: str) -> None:
    try:
        await client.unload(name)
    except NotFound:
        return
    except PunaError:
        console.err(f"Warning: unable to stop model '{name}'")


def _page(name: str) -> str:
    parsed = ModelName.parse(name)
    if parsed.host != DEFAULT_HOST:
        return name
    tag = name.rpartition("/")[2].partition(":")[2]
    return f"https://ollama.com/{parsed.namespace}/{parsed.model}{':' + tag if tag else ''}"


def _read(path: Path) -> Modelfile:
    """Read the Modelfile; a person sees where each of its faults is."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return parse("FROM .\n")
    if stat.S_ISDIR(mode):
        raise InvalidInput(f"read {path}: is a directory")
    if not stat.S_ISREG(mode) and str(path) != _STDIN:
        # A device or a pipe has no end, and may block for ever when it is opened.
        raise InvalidInput(f"{path} is not a regular file")
    with path.open("rb") as file:
        content = file.read(_MAX_MODELFILE_BYTES + 1)
    if len(content) > _MAX_MODELFILE_BYTES:
        raise TooLarge(f"{path} is too large for a Modelfile")
    if console.is_terminal(sys.stderr):
        for problem in check(content):
            console.err(f"{path}:{problem.line}:{problem.column}: {problem.text}")
    return parse(content)


def _warn_of_deprecated(modelfile: Modelfile) -> None:
    for command in modelfile.commands:
        if is_parameter(command) and command.name in DEPRECATED:
            console.out(f"warning: parameter {command.name} is deprecated")
