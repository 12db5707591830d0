"""All that is wrong with a Modelfile, for an editor that shows it while one types."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from puna.errors import InvalidInput, ModelfileError, UnsupportedOption
from puna.modelfile.nodes import FROM, Command, Span
from puna.modelfile.parameters import is_parameter, required_version, typed
from puna.modelfile.parser import MISSING_FROM, UNEXPECTED_END, Reader
from puna.modelfile.source import Source, decode
from puna.options import DEPRECATED, OPTIONS, OptionValue

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault. Line and columns count from 1; ``end_column`` is behind the fault."""

    line: int
    column: int
    end_column: int
    text: str
    severity: Severity = "error"


def check(content: str | bytes) -> list[Problem]:
    """Collect every problem, in the order of the text.

    Reading goes on in the line after a fault; only an unclosed quote ends it.
    """
    source = Source(decode(content))
    commands: list[Command] = []
    problems = list(_problems(source, commands))
    has_fault = any(problem.severity == "error" for problem in problems)
    if not has_fault and not any(command.name == FROM for command in commands):
        problems.append(Problem(1, 1, 1, MISSING_FROM))
    return problems


def _problems(source: Source, commands: list[Command]) -> Iterator[Problem]:
    reader = Reader(source)
    while True:
        try:
            command = reader.next_command()
        except ModelfileError as error:
            yield _from_error(source, error)
            if str(error) == UNEXPECTED_END:
                return
            reader.recover()
            continue
        if command is None:
            return
        commands.append(command)
        yield from _of_command(command)


def _from_error(source: Source, error: ModelfileError) -> Problem:
    line = source.line(error.line)
    text = str(error).partition("): ")[2] or str(error)
    return Problem(error.line, error.column, max(error.column, len(line)) + 1, text)


def _of_command(command: Command) -> Iterator[Problem]:
    if command.name == "requires":
        try:
            required_version(command.args)
        except InvalidInput as error:
            yield _at(command.value_span, str(error))
    if not is_parameter(command):
        return
    if command.name in DEPRECATED:
        text = f"parameter {command.name} is deprecated"
        yield _at(command.name_span, text, "warning")
        return
    try:
        value = typed(command.name, [command.args])
    except UnsupportedOption as error:
        known = command.name in OPTIONS
        yield _at(command.value_span if known else command.name_span, str(error))
        return
    if not _in_range(command.name, value):
        yield _at(
            command.value_span, f"{command.args} is out of range for {command.name}", "warning"
        )


def _in_range(name: str, value: OptionValue) -> bool:
    option = OPTIONS[name]
    if isinstance(value, list):
        return True
    # NaN compares as false, so it is out of every range.
    return (option.low is None or value >= option.low) and (
        option.high is None or value <= option.high
    )


def _at(span: Span, text: str, severity: Severity = "error") -> Problem:
    end = span.end_column if span.end_line == span.line else span.column
    return Problem(span.line, span.column, max(end, span.column + 1), text, severity)
