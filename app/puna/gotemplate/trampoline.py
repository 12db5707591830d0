"""Recursion without Python's stack.

A recursive function is written as a generator that yields the calls it needs
and gets their results back; :func:`run` keeps the callers in a list. Depth is
then bounded by the language's own rules and not by the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")

Call: TypeAlias = Generator[Any, Any, T]
"""A call that may yield other calls before it returns a ``T``."""


def run(call: Call[T], on_call: Callable[[], None] | None = None) -> T:
    """Carry a call and all that it yields out.

    An exception leaves at once, callers do not see it.

    Args:
        call: the outermost call.
        on_call: called before each nested call; may raise to stop the run.
    """
    callers: list[Call[Any]] = []
    current: Call[Any] = call
    result: Any = None
    while True:
        try:
            nested = current.send(result)
        except StopIteration as finished:
            result = finished.value
            if not callers:
                final: T = result
                return final
            current = callers.pop()
            continue
        if on_call is not None:
            on_call()
        callers.append(current)
        current = nested
        result = None
