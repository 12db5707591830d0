"""Progress on standard error: bars and spinners on a terminal, plain lines elsewhere.

Source: contract ``ollama-store-registry-cli`` 6.3.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import sys
import time
from collections import deque
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from puna.cli import console, keyboard
from puna.cli.units import human_bytes, remaining

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
_REFRESH_S = 0.1
_WINDOW_S = 10.0
_PLAIN_EVERY_S = 10.0
_FIGURES = 31
"""Columns behind a bar."""


class Bar:
    """A transfer: never goes back, knows its speed over the last ten seconds."""

    def __init__(self, message: str, total: int, now: float) -> None:
        self.message = message
        self.total = total
        self.completed = 0
        self._samples = deque([(now, 0)])
        self._is_first = True

    @property
    def is_done(self) -> bool:
        """Whether all bytes are there."""
        return self.completed >= self.total

    def update(self, completed: int, total: int, now: float) -> None:
        """Take a new state; a smaller count than before is ignored."""
        self.total = max(total, self.total)
        self.completed = min(max(completed, self.completed), self.total)
        if self._is_first:
            # What was there before this command says nothing about the speed.
            self._samples = deque([(now, self.completed)])
            self._is_first = False
        self._samples.append((now, self.completed))
        while now - self._samples[0][0] > _WINDOW_S and len(self._samples) > 2:
            self._samples.popleft()

    @property
    def rate(self) -> float:
        """Bytes per second."""
        (start, before), (end, after) = self._samples[0], self._samples[-1]
        return (after - before) / (end - start) if end - start >= 1 else 0.0

    def line(self, columns: int) -> str:
        """The bar in ``columns`` columns."""
        percent = 100 * self.completed / self.total if self.total else 100.0
        left = f"{self.message} {int(percent):3d}%"
        figures = self._figures()
        size = columns - console.columns_of(left) - _FIGURES - 5
        if size <= 0:
            return _longest(left, figures, columns - 1)
        full = int(size * percent / 100)
        right = "  ".join(figures).ljust(_FIGURES)
        return f"{left} ▕{'█' * full}{' ' * (size - full)}▏ {right}"

    def _figures(self) -> list[str]:
        """Sizes, speed and time left, as far as they are known."""
        if self.is_done:
            return [f"{human_bytes(self.total):>6}"]
        sizes = f"{human_bytes(self.completed):>6}/{human_bytes(self.total):>6}"
        if self.rate <= 0:
            return [sizes]
        left = remaining((self.total - self.completed) / self.rate)
        return [sizes, f"{human_bytes(int(self.rate)):>6}/s", f"{left:>6}"]


class Spinner:
    """A step without a measure."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.is_done = False

    def line(self, columns: int, frame: int) -> str:
        """The step in ``columns`` columns."""
        text = self.message if self.is_done else f"{self.message} {_FRAMES[frame % len(_FRAMES)]}"
        if console.columns_of(text) >= columns:
            # Better no full digest than no percentage behind it.
            text = _DIGEST.sub(r"\1", text)
        return _cut(text.strip(), columns - 1)


class Progress:
    """The steps of one command. Use as async context manager."""

    def __init__(self) -> None:
        self._steps: dict[str, Bar | Spinner] = {}
        self._is_live = console.is_terminal(sys.stderr)
        self._plain_at: dict[str, float] = {}
        self._drawn = 0
        self._frame = 0
        self._task: asyncio.Task[None] | None = None
        self._terminal = contextlib.ExitStack()

    async def __aenter__(self) -> Self:
        if self._is_live:
            self._terminal.enter_context(keyboard.tidy())
            self._task = asyncio.create_task(self._refresh())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        self._finish()
        self._terminal.close()

    def show(self, text: str, key: str = "") -> None:
        """Begin a step, or change the text of the step ``key``; earlier steps are over."""
        step = self._steps.get(key or text)
        if isinstance(step, Spinner):
            step.message = text
            return
        self._end_spinners()
        self._steps[key or text] = Spinner(text)

    def advance(self, key: str, message: str, completed: int, total: int) -> None:
        """Set how far the transfer ``key`` is."""
        step = self._steps.get(key)
        now = time.monotonic()
        if not isinstance(step, Bar):
            self._end_spinners()
            step = self._steps[key] = Bar(message, total, now)
        step.update(completed, total, now)
        self._print_bar(key, step, now)

    def clear(self) -> None:
        """Take everything off the screen."""
        if self._drawn:
            console.raw(sys.stderr, f"\r{_up(self._drawn - 1)}\x1b[J")
        self._drawn = 0
        self._steps.clear()

    def _end_spinners(self) -> None:
        for step in self._steps.values():
            if isinstance(step, Spinner) and not step.is_done:
                step.is_done = True
                if not self._is_live and step.message:
                    console.err(step.message)

    def _print_bar(self, key: str, bar: Bar, now: float) -> None:
        """Without a terminal: a line when a transfer is done, and one now and then before."""
        if self._is_live:
            return
        if bar.is_done and self._plain_at.get(key) != float("inf"):
            self._plain_at[key] = float("inf")
            console.err(f"{bar.message} 100% {human_bytes(bar.total)}")
        elif now - self._plain_at.setdefault(key, now) >= _PLAIN_EVERY_S:
            self._plain_at[key] = now
            percent = 100 * bar.completed // max(bar.total, 1)
            sizes = f"{human_bytes(bar.completed)}/{human_bytes(bar.total)}"
            console.err(f"{bar.message} {percent}% {sizes}")

    def _finish(self) -> None:
        self._end_spinners()
        if self._is_live and self._steps:
            self._draw()
            console.raw(sys.stderr, "\n")
            self._drawn = 0

    async def _refresh(self) -> None:
        while True:
            self._draw()
            self._frame += 1
            await asyncio.sleep(_REFRESH_S)

    def _draw(self) -> None:
        columns = console.width()
        lines = [
            step.line(columns) if isinstance(step, Bar) else step.line(columns, self._frame)
            for step in self._steps.values()
        ][-max(console.height() - 1, 1) :]
        if not lines:
            return
        body = "\n".join(f"{console.printable(line)}\x1b[K" for line in lines)
        # One synchronised update, so that no half frame is seen.
        start = f"\x1b[?2026h\x1b[?25l\r{_up(self._drawn - 1)}"
        console.raw(sys.stderr, f"{start}{body}\x1b[?25h\x1b[?2026l")
        self._drawn = len(lines)


async def follow(progress: Progress, stream: Any, verb: str) -> None:
    """Show the statuses of a pull, push or create until the stream ends.

    Args:
        progress: where to show them.
        stream: the statuses, as the API sends them.
        verb: what stands before a digest, ``pulling``.
    """
    async for status in stream:
        digest = str(status.get("digest", ""))
        text = str(status.get("status", ""))
        if digest and status.get("total") and not text.startswith("copying"):
            name = digest.removeprefix("sha256:")[:12]
            colon = ":" if verb == "pulling" else ""
            done, total = int(status.get("completed", 0)), int(status["total"])
            progress.advance(digest, f"{verb} {name}{colon}", done, total)
        elif not digest or text.startswith("copying"):
            progress.show(text + _percentage(status, text), key=digest or text)


def _percentage(status: Mapping[str, Any], text: str) -> str:
    """How far a step is that has a measure but does not say so in its text."""
    done, total = status.get("completed", 0), status.get("total", 0)
    return f" {100 * done // total}%" if done < total and not text.endswith("%") else ""


def _longest(left: str, figures: list[str], columns: int) -> str:
    """As many whole figures behind ``left`` as there is room for."""
    for count in range(len(figures), -1, -1):
        text = " ".join([left, *(figure.strip() for figure in figures[:count])])
        if console.columns_of(text) <= columns:
            return text
    return _cut(left, columns)


def _up(lines: int) -> str:
    return f"\x1b[{lines}A" if lines > 0 else ""


def _cut(text: str, columns: int) -> str:
    while console.columns_of(text) > columns:
        text = text[:-1]
    return text
