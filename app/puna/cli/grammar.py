"""Command lines as Ollama reads them, on top of click.

click does the parsing and the completion. What differs from it lives here:
flags that stand before the command, switches that take ``=value`` but never
the next word, errors in the words of Ollama's parser, and the layout of the help.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import click

_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_ANYWHERE = frozenset({"-v", "--version", "--verbose", "--nowordwrap"})
"""Flags that Ollama has without a command too: known to need no value before one is found."""

_ENVIRONMENT = {
    "OLLAMA_HOST": "IP Address for the puna server (default 127.0.0.1:11434)",
    "OLLAMA_EDITOR": "Path to editor for interactive prompt editing (Ctrl+G)",
    "OLLAMA_NOHISTORY": "Do not preserve readline history",
}


class GoBool(click.ParamType[bool]):
    """The words that Go takes for true and false."""

    name = ""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bool:
        """Read one word."""
        if isinstance(value, bool):
            return value
        if value in _TRUE | _FALSE:
            return value in _TRUE
        raise click.BadParameter(f'strconv.ParseBool: parsing "{value}": invalid syntax')


class GoInt(click.ParamType[int]):
    """A decimal number."""

    name = "int"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read one word."""
        try:
            return int(value)
        except ValueError:
            text = f'strconv.ParseInt: parsing "{value}": invalid syntax'
            raise click.BadParameter(text) from None


class GoInts(click.ParamType[tuple[int, ...]]):
    """Numbers from 1 on, separated by commas."""

    name = "ints"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, ...]:
        """Read one word."""
        if isinstance(value, tuple):
            return value
        numbers = [GoInt().convert(text.strip(), param, ctx) for text in value.split(",")]
        if min(numbers) < 1:
            raise click.BadParameter(f'"{value}" holds a number below 1')
        return tuple(numbers)


class Switch(click.Option):
    """An option that means ``bare`` when it stands alone; a value needs ``=``."""

    def __init__(self, *args: Any, bare: str = "true", **attrs: Any) -> None:
        attrs.setdefault("type", GoBool())
        attrs.setdefault("default", False)
        super().__init__(*args, **attrs)
        self.bare = bare


class PunaCommand(click.Command):
    """One command.

    Args:
        usage: how the words behind the name are shown, ``MODEL``.
        counts: how many words are allowed, ``(least, most)``; most ``None`` = any.
        environment: the variables that the help names.
        aliases: other names of the command.
    """

    def __init__(
        self,
        *args: Any,
        usage: str = "",
        counts: tuple[int, int | None] | None = None,
        environment: Sequence[str] | Mapping[str, str] = ("OLLAMA_HOST",),
        aliases: Sequence[str] = (),
        **attrs: Any,
    ) -> None:
        attrs.setdefault("add_help_option", True)
        attrs.setdefault("context_settings", {"help_option_names": ["-h", "--help"]})
        super().__init__(*args, **attrs)
        self.usage = usage
        self.counts = counts
        self.environment = environment
        self.aliases = tuple(aliases)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse, and check the number of words."""
        if ctx.resilient_parsing:  # a line that is still being typed
            return super().parse_args(ctx, args)
        rest = super().parse_args(ctx, list(_with_bare_values(self.get_params(ctx), args)))
        if self.counts is not None:
            _check_count(len(ctx.params["words"]), *self.counts)
        return rest

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lay the help out as Ollama does."""
        formatter.write(command_help(self, ctx))


class PunaGroup(click.Group):
    """The ``puna`` command, with hidden aliases and hints for mistyped names."""

    command_class = PunaCommand

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find a command by its name or an alias."""
        found = super().get_command(ctx, cmd_name)
        return found or next((c for c in self._own() if cmd_name in c.aliases), None)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the command, which need not be the first word."""
        return super().parse_args(ctx, args if ctx.resilient_parsing else self._ordered(ctx, args))

    def _ordered(self, ctx: click.Context, args: Sequence[str]) -> list[str]:
        """The command, then all the flags and words around it.

        Where the command is still unknown, a flag that is none of :data:`_ANYWHERE` takes the
        next word for its value.
        """
        before: list[str] = []
        rest = iter(args)
        for word in rest:
            if word == "--":
                break
            if word and not word.startswith("-"):
                if self.get_command(ctx, word) is None:
                    raise click.UsageError(self._unknown(word))
                return [word, *before, *rest]
            before.append(word)
            is_short = len(word) == len("-x")
            if "=" not in word and (word.startswith("--") or is_short) and word not in _ANYWHERE:
                before += itertools.islice(rest, 1)
        return [word for word in before if word not in ("", "-")]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of the table."""
        return list(self.commands)

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Lay the help out as Ollama does."""
        formatter.write(group_help(self))

    def _own(self) -> Iterable[PunaCommand]:
        return (command for command in self.commands.values() if isinstance(command, PunaCommand))

    def _unknown(self, word: str) -> str:
        text = f'unknown command "{word}" for "puna"'
        near = [name for name, c in self.commands.items() if not c.hidden and _is_near(word, name)]
        if not near:
            return text
        return text + "\n\nDid you mean this?\n" + "".join(f"\t{name}\n" for name in near)


def words(**attrs: Any) -> Callable[[Any], Any]:
    """The words of a command, counted by the command itself."""
    return click.argument("words", nargs=-1, type=click.UNPROCESSED, **attrs)


def text_of(error: click.ClickException, args: Sequence[str]) -> str:
    """The words of Ollama's parser for a mistake in a command line."""
    if isinstance(error, click.NoSuchOption):
        return _unknown_flag(error.option_name, args)
    if isinstance(error, click.BadParameter) and error.param is not None:
        value = error.message.partition('parsing "')[2].partition('": ')[0]
        return f'invalid argument "{value}" for "{_shown(error.param)}" flag: {error.message}'
    if isinstance(error, click.BadOptionUsage):
        name = error.option_name
        short = f"'{name[1]}' in {name}"
        return f"flag needs an argument: {name if name.startswith('--') else short}"
    return error.message


def command_help(command: PunaCommand, ctx: click.Context) -> str:
    """The help of one command."""
    name = command.name or ""
    usage = " ".join(part for part in (name, command.usage, "[flags]") if part)
    parts = [f"{command.help}\n", f"Usage:\n  puna {usage}\n"]
    if command.aliases:
        parts.append(f"Aliases:\n  {', '.join((name, *command.aliases))}\n")
    options = [p for p in command.get_params(ctx) if isinstance(p, click.Option) and not p.hidden]
    parts.append(f"Flags:\n{_flags(options, name)}")
    if command.environment:
        parts.append(f"Environment Variables:\n{_environment(command.environment)}")
    return "\n".join(parts)


def group_help(group: click.Group) -> str:
    """The help of ``puna`` itself."""
    shown = {name: command for name, command in group.commands.items() if not command.hidden}
    size = max(len(name) for name in shown) + 3
    commands = "".join(f"  {n:<{size}}{c.short_help or c.help}\n" for n, c in shown.items())
    return (
        f"{group.help}\n\nUsage:\n  puna [flags]\n  puna [command]\n\n"
        f"Available Commands:\n{commands}\n"
        "Flags:\n  -h, --help      help for puna\n  -v, --version   Show version information\n\n"
        'Use "puna [command] --help" for more information about a command.\n'
    )


def _with_bare_values(params: Sequence[click.Parameter], args: Sequence[str]) -> Iterable[str]:
    """Give each switch that stands alone its value; a value after a blank is a word.

    All flags come out in their long form.

    Raises:
        click.UsageError: the first flag that the command does not have.
    """
    options = {name: p for p in params if isinstance(p, click.Option) for name in p.opts}
    remaining = iter(args)
    for word in remaining:
        if word == "--":
            yield word
            yield from remaining
            return
        is_short = len(word) > 1 and word[0] == "-" != word[1]
        name = word.partition("=")[0]
        if word.startswith("--") and name not in options:
            raise click.UsageError(f"unknown flag: {name}")
        flags = _short_flags(options, word[1:]) if is_short else [word]
        for flag in flags:
            option = options.get(flag)
            yield f"{flag}={option.bare}" if isinstance(option, Switch) else flag
            if option is not None and _needs_value(option):
                yield from itertools.islice(remaining, 1)


def _short_flags(options: Mapping[str, click.Option], letters: str) -> Iterable[str]:
    """The long forms of flags of one letter; the last may have a value.

    Raises:
        click.UsageError: a letter is no flag.
    """
    while letters:
        option = options.get(f"-{letters[0]}")
        if option is None:
            raise click.UsageError(f"unknown shorthand flag: '{letters[0]}' in -{letters}")
        long, rest = max(option.opts, key=len), letters[1:]
        if len(rest) > 1 and rest[0] == "=":
            yield f"{long}{rest}"
            return
        if rest and _needs_value(option):
            yield f"{long}={rest}"
            return
        yield long
        letters = rest


def _needs_value(option: click.Option) -> bool:
    return not isinstance(option, Switch) and not option.is_flag


def _check_count(count: int, least: int, most: int | None) -> None:
    if most is None and count < least:
        raise click.UsageError(f"requires at least {least} arg(s), only received {count}")
    if most is not None and not least <= count <= most:
        raise click.UsageError(f"accepts {most} arg(s), received {count}")


def _unknown_flag(option: str, args: Sequence[str]) -> str:
    if option.startswith("--"):
        return f"unknown flag: {option}"
    whole = next((word for word in args if word.startswith(option)), option)
    return f"unknown shorthand flag: '{option.lstrip('-')[:1]}' in {whole}"


def _shown(param: click.Parameter) -> str:
    return ", ".join(sorted(param.opts, key=len))


def _flags(options: Sequence[click.Option], command: str) -> str:
    rows = sorted((_flag(option, command) for option in options), key=lambda row: row[1])
    size = max(len(row[0]) for row in rows) + 3
    return "".join(f"{left:<{size}}{text}\n" for left, _, text in rows)


def _flag(option: click.Option, command: str) -> tuple[str, str, str]:
    long = max(option.opts, key=len)
    short = next((f"{name}, " for name in option.opts if not name.startswith("--")), "    ")
    kind = "" if option.is_flag else f" {option.metavar or option.type.name}".rstrip()
    if "--help" in option.opts:
        return f"  {short}{long}", long, f"help for {command}"
    default = f' (default "{option.default}")' if option.show_default else ""
    return f"  {short}{long}{kind}", long, f"{option.help}{default}"


def _environment(variables: Sequence[str] | Mapping[str, str]) -> str:
    if not isinstance(variables, Mapping):
        variables = {name: _ENVIRONMENT[name] for name in variables}
    size = max(len("OLLAMA_MAX_TRANSFER_STREAMS"), *map(len, variables)) + 3
    return "".join(f"      {name:<{size}}{text}\n" for name, text in variables.items())


def _is_near(word: str, name: str) -> bool:
    word = word.lower()
    return name.startswith(word) or _distance(word, name) <= 2


def _distance(a: str, b: str) -> int:
    """Levenshtein distance."""
    row = list(range(len(b) + 1))
    for i, left in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, right in enumerate(b, 1):
            cost = min(row[j] + 1, row[j - 1] + 1, previous + (left != right))
            previous, row[j] = row[j], cost
    return row[-1]
