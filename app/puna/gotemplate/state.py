"""What an execution knows: its node, its variables, its output and its limits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from puna.errors import TemplateError
from puna.gotemplate import nodes
from puna.gotemplate.functions import Function
from puna.gotemplate.parser import Forest
from puna.gotemplate.values import Value
from puna.gotext import encode, quote


class ExecutionError(TemplateError):
    """A template that stopped; ``partial`` is what it had printed before."""

    def __init__(self, text: str, partial: str = "") -> None:
        super().__init__(text)
        self.partial = partial


class MissingKey(Enum):
    """What a map gives for a key it does not have."""

    DEFAULT = auto()
    ZERO = auto()
    ERROR = auto()


@dataclass(frozen=True, slots=True)
class Limits:
    """What one execution may cost.

    Attributes:
        output: characters it may print.
        work: characters that all its function results may have together.
        seconds: wall-clock time.
    """

    output: int = 8 << 20
    work: int = 32 << 20
    seconds: float = 5.0


DEFAULT_LIMITS = Limits()


class State:
    """One execution.

    Attributes:
        node: what is being evaluated, for error messages.
        name: template that is being executed.
        variables: names with their dollar sign, innermost last.
    """

    def __init__(
        self,
        forest: Forest,
        functions: Mapping[str, Function],
        missing_key: MissingKey,
        limits: Limits,
    ) -> None:
        self.forest = forest
        self.functions = functions
        self.missing_key = missing_key
        self.limits = limits
        self._parts: list[str] = []
        self._printed = 0
        self._work = 0
        self._steps = 0
        self._deadline = time.monotonic() + limits.seconds
        self.name = ""
        self.node: nodes.Node | None = None
        self.variables: list[tuple[str, Value]] = []
        self._depth = 0

    def step(self) -> None:
        """Count one step; look at the clock now and then."""
        self._steps += 1
        if self._steps & 0xFF == 0 and time.monotonic() > self._deadline:
            raise self.stopped(f"did not end within {self.limits.seconds:g} s")

    # ------------------------------------------------------------ errors

    def stopped(self, text: str) -> ExecutionError:
        """An error that no place in the template is to blame for."""
        return ExecutionError(f"template: : {text}", self.output)

    def error(self, text: str) -> ExecutionError:
        """An error at the current node, worded as Go's."""
        node = self.node
        assert node is not None
        before = self.forest.source[: node.position]
        line = 1 + before.count("\n")
        column = len(encode(before[before.rfind("\n") + 1 :]))
        context = nodes.source_text(node)
        return ExecutionError(
            f"template: :{line}:{column}: executing {quote(self.name)} at <{context}>: {text}",
            self.output,
        )

    # ------------------------------------------------------------ output

    def put(self, text: str) -> None:
        """Add to the output."""
        self._printed += len(text)
        if self._printed > self.limits.output:
            raise self.stopped(f"printed more than {self.limits.output} characters")
        self._parts.append(text)

    @property
    def output(self) -> str:
        """What was printed so far."""
        return "".join(self._parts)

    def charge(self, result: Any) -> None:
        """Count what a function made."""
        data = result.data if isinstance(result, Value) else result
        if isinstance(data, str | list | tuple):
            self._work += len(data)
            if self._work > self.limits.work:
                raise self.stopped("made more text than it may")

    # ------------------------------------------------------------ variables

    def assign(self, name: str, value: Value) -> None:
        """``$name = value``: the innermost variable of that name."""
        for place in range(len(self.variables) - 1, -1, -1):
            if self.variables[place][0] == name:
                self.variables[place] = (name, value)
                return
        raise self.error(f"undefined variable: {name}")

    def lookup(self, name: str) -> Value:
        """The innermost variable of that name."""
        for known, value in reversed(self.variables):
            if known == name:
                return value
        raise self.error(f"undefined variable: {name}")
