"""The keyboard while something else is written."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from puna.cli import console


@contextmanager
def silent() -> Iterator[None]:
    """Do not show what is typed; it waits for the next prompt. Ctrl+C stays a signal.

    Without this, typed keys would stand in the middle of the answer, and an
    Enter would reach the next prompt as the key that begins a new line.
    """
    with _without(("ICRNL",), ("ECHO", "ICANON")):
        yield


@contextmanager
def tidy() -> Iterator[None]:
    """Do not show Ctrl+C: behind a full line it would move all that is drawn anew."""
    with _without((), ("ECHOCTL",)):
        yield


@contextmanager
def _without(input_modes: tuple[str, ...], local_modes: tuple[str, ...]) -> Iterator[None]:
    """Switch modes of the terminal off; nothing where there is none."""
    if sys.platform == "win32" or not console.is_terminal(sys.stdin):
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    changed = termios.tcgetattr(sys.stdin)
    for index, names in ((0, input_modes), (3, local_modes)):
        for name in names:
            changed[index] &= ~getattr(termios, name)
    termios.tcsetattr(sys.stdin, termios.TCSANOW, changed)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
