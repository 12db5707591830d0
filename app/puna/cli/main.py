"""The table of commands, and the one place that prints errors and decides the exit code.

Each command imports what it needs when it runs, so that help and the server start at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import click

from puna import OLLAMA_VERSION, __version__
from puna.cli import console
from puna.cli.completion import complete_loaded, complete_models, write_script
from puna.cli.grammar import (
    GoInt,
    GoInts,
    PunaCommand,
    PunaGroup,
    Switch,
    command_help,
    group_help,
    text_of,
    words,
)
from puna.config.settings import SETTINGS
from puna.errors import PunaError

_INTERRUPTED = 130

App = Callable[[list[str]], int]

insecure_option = click.option("--insecure", cls=Switch, help="Use an insecure registry")
json_option = click.option("--json", "as_json", cls=Switch, help="Print JSON")


def main(args: Sequence[str], app: App | None = None) -> int:
    """Run one command; returns the exit code.

    Args:
        args: the words behind ``puna``.
        app: runs the tray program, which is not part of the command line.
    """
    console.use_utf8()
    try:
        code = puna.main(list(args), prog_name="puna", standalone_mode=False, obj=app)
    except click.ClickException as error:
        return _fail(text_of(error, args))
    except PunaError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(
            ": ".join(str(part) for part in (error.filename, error.strerror or error) if part)
        )
    except (KeyboardInterrupt, click.Abort):
        return _INTERRUPTED
    return code if isinstance(code, int) else 0


@click.group(
    cls=PunaGroup,
    invoke_without_command=True,
    help="Large language model runner",
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option("-v", "--version", is_flag=True, help="Show version information")
@click.pass_context
def puna(context: click.Context, version: bool) -> None:
    """Choose a command."""
    if version:
        _print_version()
    elif context.invoked_subcommand is None:
        console.out(group_help(puna), end="")


@puna.command(
    "serve",
    cls=PunaCommand,
    counts=(0, 0),
    aliases=("start",),
    help="Start Puna",
    environment={setting.env: setting.help for setting in SETTINGS.values()},
)
@words()
@click.option("--host", type=str, metavar="string", help="Address to listen on")
@click.option("--models", type=str, metavar="string", help="Folder of the models")
def serve_command(words: tuple[str, ...], host: str | None, models: str | None) -> int:
    """Run the server."""
    from puna.cli.serve import serve

    return serve({name: v for name, v in (("host", host), ("models", models)) if v})


@puna.command("app", cls=PunaCommand, usage="[FILE...]", environment=(), help="Open the window")
@words()
@click.option("--hidden", cls=Switch, help="Show the tray icon only")
@click.pass_obj
def app_command(app: App, words: tuple[str, ...], hidden: bool) -> int:
    """Run the tray program; files are opened in its window."""
    return app([*(["--hidden"] if hidden else []), *words])


@puna.command("create", cls=PunaCommand, usage="MODEL", counts=(1, 1), help="Create a model")
@words()
@click.option(
    "-f",
    "--file",
    default="Modelfile",
    metavar="string",
    show_default=True,
    help="Name of the Modelfile",
)
@click.option(
    "-q",
    "--quantize",
    default="",
    metavar="string",
    help="Quantize model to this level (e.g. q4_K_M)",
)
@click.option(
    "--draft-quantize", default="", metavar="string", help="Quantize draft model to this level"
)
def create_command(words: tuple[str, ...], file: str, quantize: str, draft_quantize: str) -> None:
    """Create a model."""
    from puna.cli.models import create

    create(words[0], file, quantize=quantize, draft_quantize=draft_quantize)


@puna.command(
    "show", cls=PunaCommand, usage="MODEL", counts=(1, 1), help="Show information for a model"
)
@words(shell_complete=complete_models)
@click.option("--license", cls=Switch, help="Show license of a model")
@click.option("--modelfile", cls=Switch, help="Show Modelfile of a model")
@click.option("--parameters", cls=Switch, help="Show parameters of a model")
@click.option("--system", cls=Switch, help="Show system message of a model")
@click.option("--template", cls=Switch, help="Show template of a model")
@click.option("-v", "--verbose", cls=Switch, help="Show detailed model information")
def show_command(words: tuple[str, ...], verbose: bool, **parts: bool) -> None:
    """Show a model."""
    from puna.cli.showing import show

    show(words[0], [name for name, wanted in parts.items() if wanted], verbose=verbose)


@puna.command(
    "run",
    cls=PunaCommand,
    usage="MODEL [PROMPT]",
    counts=(1, None),
    help="Run a model",
    environment=("OLLAMA_EDITOR", "OLLAMA_HOST", "OLLAMA_NOHISTORY"),
)
@words(shell_complete=complete_models)
@click.option(
    "--dimensions",
    type=GoInt(),
    default=0,
    help="Truncate output embeddings to specified dimension (embedding models only)",
)
@click.option("--format", default="", metavar="string", help="Response format (e.g. json)")
@click.option("--hidethinking", cls=Switch, help="Hide thinking output (if provided)")
@insecure_option
@click.option(
    "--keepalive", default="", metavar="string", help="Duration to keep a model loaded (e.g. 5m)"
)
@click.option("--nowordwrap", cls=Switch, help="Don't wrap words to the next line automatically")
@click.option(
    "--think",
    cls=Switch,
    type=str,
    default=None,
    metavar='string[="true"]',
    help="Enable thinking mode: true/false or high/medium/low for supported models",
)
@click.option(
    "--truncate",
    cls=Switch,
    default=None,
    help="For embedding models: truncate inputs exceeding context length (default: true)."
    " Set --truncate=false to error instead",
)
@click.option("--verbose", cls=Switch, help="Show timings for response")
def run_command(words: tuple[str, ...], **flags: Any) -> None:
    """Talk to a model."""
    from puna.cli.run import run
    from puna.cli.target import RunOptions

    options = RunOptions(
        keep_alive=flags["keepalive"],
        verbose=flags["verbose"],
        insecure=flags["insecure"],
        wrap=not flags["nowordwrap"],
        format=flags["format"],
        think=flags["think"],
        hide_thinking=flags["hidethinking"],
        truncate=flags["truncate"],
        dimensions=flags["dimensions"],
    )
    run(words[0], words[1:], options)


@puna.command("stop", cls=PunaCommand, usage="MODEL", counts=(1, 1), help="Stop a running model")
@words(shell_complete=complete_loaded)
def stop_command(words: tuple[str, ...]) -> None:
    """Unload a model."""
    from puna.cli.models import stop

    stop(words[0])


@puna.command(
    "pull", cls=PunaCommand, usage="MODEL", counts=(1, 1), help="Pull a model from a registry"
)
@words(shell_complete=complete_models)
@insecure_option
def pull_command(words: tuple[str, ...], insecure: bool) -> None:
    """Download a model."""
    from puna.cli.models import pull

    pull(words[0], insecure=insecure)


@puna.command(
    "push", cls=PunaCommand, usage="MODEL", counts=(1, 1), help="Push a model to a registry"
)
@words(shell_complete=complete_models)
@insecure_option
def push_command(words: tuple[str, ...], insecure: bool) -> None:
    """Upload a model."""
    from puna.cli.models import push

    push(words[0], insecure=insecure)


@puna.command("list", cls=PunaCommand, aliases=("ls",), help="List models")
@words(shell_complete=complete_models)
@json_option
def list_command(words: tuple[str, ...], as_json: bool) -> None:
    """List the installed models."""
    from puna.cli.listing import list_models

    list_models(*words[:1], as_json=as_json)


@puna.command("ps", cls=PunaCommand, help="List running models")
@words(shell_complete=complete_loaded)
@click.option("-v", "--verbose", cls=Switch, help="Show how models were loaded")
@json_option
def ps_command(words: tuple[str, ...], verbose: bool, as_json: bool) -> None:
    """List the loaded models."""
    from puna.cli.listing import list_loaded, list_resident

    show = list_resident if verbose else list_loaded
    show(*words[:1], as_json=as_json)


@puna.command("bench", cls=PunaCommand, usage="MODEL", counts=(1, 1), help="Measure a model")
@words(shell_complete=complete_models)
@click.option("--rounds", type=GoInt(), default=3, help="How often each speed is measured")
@click.option(
    "--streams",
    type=GoInts(),
    default="1,2,4",
    show_default=True,
    help="Answers to write at the same time",
)
@json_option
def bench_command(
    words: tuple[str, ...], rounds: int, streams: tuple[int, ...], as_json: bool
) -> None:
    """Measure how fast a model is."""
    from puna.cli.bench import bench
    from puna.cli.measuring import Plan

    bench(words[0], Plan(rounds=max(1, rounds), streams=streams), as_json=as_json)


@puna.command("cp", cls=PunaCommand, usage="SOURCE DESTINATION", counts=(2, 2), help="Copy a model")
@words(shell_complete=complete_models)
def copy_command(words: tuple[str, ...]) -> None:
    """Give a model a second name."""
    from puna.cli.models import copy

    copy(words[0], words[1])


@puna.command(
    "rm", cls=PunaCommand, usage="MODEL [MODEL...]", counts=(1, None), help="Remove a model"
)
@words(shell_complete=complete_models)
def remove_command(words: tuple[str, ...]) -> None:
    """Delete models."""
    from puna.cli.models import remove

    remove(words)


@puna.command(
    "completion",
    cls=PunaCommand,
    usage="SHELL",
    counts=(1, 1),
    environment=(),
    help="Print the completion script for bash, zsh or fish",
)
@words()
def completion_command(words: tuple[str, ...]) -> None:
    """Print a completion script."""
    write_script(puna, words[0])


@puna.command(
    "help",
    cls=PunaCommand,
    usage="[command]",
    environment=(),
    help="Help provides help for any command in the application.\n"
    "Simply type puna help [path to command] for full details.",
    short_help="Help about any command",
)
@words()
@click.pass_context
def help_command(context: click.Context, words: tuple[str, ...]) -> None:
    """Print the help of a command."""
    words = tuple(word for word in words if word)
    command = puna.get_command(context, words[0]) if words else None
    if isinstance(command, PunaCommand):
        console.out(command_help(command, click.Context(command, parent=context)), end="")
    elif words:
        console.err(f"Unknown help topic [{' '.join(f'`{word}`' for word in words)}]")
        console.err(group_help(puna).partition("\n\n")[2], end="")
    else:
        console.out(group_help(puna), end="")


def _print_version() -> None:
    found = asyncio.run(_server_version())
    if found is None:
        console.out("Warning: could not connect to a running Puna instance")
        console.out(f"Warning: client version is {__version__}")
    elif found == OLLAMA_VERSION:
        # A server of ours tells which Ollama it stands for.
        console.out(f"puna version is {__version__}")
    else:
        console.out(f"puna version is {found}")
        console.out(f"Warning: client version is {__version__}")


async def _server_version() -> str | None:
    from puna.cli import connection

    async with connection.surroundings().client() as client:
        return await client.version() if await client.is_up() else None


def _fail(text: str) -> int:
    console.err(f"Error: {text}")
    return 1
