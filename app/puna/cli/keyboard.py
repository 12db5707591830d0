"""The keyboard while an answer is being written."""

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
    if sys.platform == "win32" or not console.is_terminal(sys.stdin):
        yield
        return
    import termios

    before = termios.tcgetattr(sys.stdin)
    changed = termios.tcgetattr(sys.stdin)
    changed[0] &= ~termios.ICRNL
    changed[3] &= ~(termios.ECHO | termios.ICANON)
    termios.tcsetattr(sys.stdin, termios.TCSANOW, changed)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
