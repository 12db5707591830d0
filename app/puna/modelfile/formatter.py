"""Commands to text."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from puna.modelfile.nodes import FROM, KEYWORDS, MESSAGE, Command

_SPACE = " \t\r\n"
_NAMED = frozenset(KEYWORDS) - {"from", "parameter", MESSAGE}


def format_modelfile(commands: Iterable[Command]) -> str:
    """Print commands as Ollama does: quotes where a value has a newline or blanks around it.

    A value that itself begins with a quote does not survive this, nor does a FROM that needs
    quotes, since it never gets any; see `format_safely`.
    """
    return "".join(
        f"{_line(command, str if command.name == FROM else _quoted)}\n" for command in commands
    )


def format_safely(commands: Iterable[Command]) -> str:
    """Print commands so that parsing gives the same commands again.

    Raises:
        ValueError: a value that no quoting can hold, as one with ``\"\"\"`` at a line end.
    """
    return "".join(f"{_line(command, safely_quoted)}\n" for command in commands)


def safely_quoted(value: str) -> str:
    """The shortest notation that reads back as ``value``.

    Raises:
        ValueError: there is none.
    """
    if value == value.strip(_SPACE) and not value.startswith('"') and not _has_newline(value):
        return value
    for quote in ('"', '"""'):
        if _survives(value, quote):
            return f"{quote}{value}{quote}"
    raise ValueError("the value cannot be written in a Modelfile")


def _line(command: Command, quoted: Callable[[str], str]) -> str:
    if command.name == FROM:
        return f"FROM {quoted(command.args)}"
    if command.name == MESSAGE:
        role, content = command.message
        return f"MESSAGE {role} {quoted(content)}"
    if command.name in _NAMED:
        return f"{command.name.upper()} {quoted(command.args)}"
    return f"PARAMETER {command.name} {quoted(command.args)}"


def _quoted(value: str) -> str:
    if "\n" not in value and not value.startswith(" ") and not value.endswith(" "):
        return value
    quote = '"""' if '"' in value else '"'
    return f"{quote}{value}{quote}"


def _has_newline(value: str) -> bool:
    return "\n" in value or "\r" in value


def _survives(value: str, quote: str) -> bool:
    """Whether no line of the quoted value ends it too early."""
    if quote == '"' and f'"{value}"'.startswith('"""'):
        return False
    first, *rest = f"{quote}{value}".replace("\r", "\n").split("\n")
    if not rest:
        return True
    closes_first = len(first.rstrip(_SPACE)) >= 2 * len(quote) and first.rstrip(_SPACE).endswith(
        quote
    )
    return not closes_first and not any(line.rstrip(_SPACE).endswith(quote) for line in rest[:-1])
