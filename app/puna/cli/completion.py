"""Shell completion: scripts for bash, zsh and fish, and the names of models.

A shell asks while one types, so nothing is started and nothing is waited for.
"""

from __future__ import annotations

import asyncio

import click
from click.shell_completion import CompletionItem, get_completion_class

from puna.cli import console
from puna.errors import InvalidInput, PunaError

_PATIENCE_S = 1.0
_VARIABLE = "_PUNA_COMPLETE"
# Bash would otherwise take the colon in ``model:tag`` for the end of a word.
_WHOLE_NAMES = "COMP_WORDBREAKS=${COMP_WORDBREAKS//:}"


def write_script(command: click.Command, shell: str) -> None:
    """Print the script that a shell has to read.

    Raises:
        InvalidInput: a shell that is not supported.
    """
    found = get_completion_class(shell)
    if found is None:
        raise InvalidInput(f'unknown shell "{shell}" (must be bash, zsh or fish)')
    if shell == "bash":
        console.out(_WHOLE_NAMES)
    console.out(found(command, {}, "puna", _VARIABLE).source())


def complete_models(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of installed models."""
    return _complete(incomplete, loaded=False)


def complete_loaded(
    context: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Names of models in memory."""
    return _complete(incomplete, loaded=True)


def _complete(incomplete: str, *, loaded: bool) -> list[CompletionItem]:
    try:
        names = asyncio.run(_names(loaded=loaded))
    except (PunaError, TimeoutError):
        return []
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


async def _names(*, loaded: bool) -> list[str]:
    from puna.cli import connection

    async with asyncio.timeout(_PATIENCE_S), connection.surroundings().client() as client:
        models = await (client.ps() if loaded else client.tags())
        return [model["name"] for model in models]
