"""One answer on the screen: thinking, words, tool calls, timings."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import AsyncGenerator, Awaitable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field
from typing import Any

from puna.cli import console, keyboard
from puna.cli.connection import streamed
from puna.cli.progress import Progress
from puna.cli.units import duration
from puna.cli.wrapping import WordWrap
from puna.config.sources import wants_colors

Json = dict[str, Any]

_GREY = "\x1b[90m"
_BOLD = "\x1b[1m"
_PLAIN = "\x1b[0m"


@dataclass(frozen=True)
class Look:
    """How answers are shown."""

    wrap: bool = True
    hide_thinking: bool = False
    verbose: bool = False


@dataclass
class Answer:
    """What a model said."""

    content: str = ""
    thinking: str = ""
    tool_calls: list[Json] = field(default_factory=list)
    last: Json = field(default_factory=dict)
    is_interrupted: bool = False


async def show_answer(stream: AsyncGenerator[Json, None], look: Look) -> Answer:
    """Write an answer as it comes; Ctrl+C ends it and keeps what there is.

    Args:
        stream: the lines of ``/api/chat`` or ``/api/generate``.
        look: how to show it.

    Raises:
        PunaError: the server refuses or fails.
    """
    answer = Answer()
    answer.is_interrupted = not await interruptible(_show(stream, look, answer))
    return answer


def finish(answer: Answer, look: Look) -> None:
    """End the paragraph of an answer; its timings follow when they are wanted."""
    console.out("\n")
    if look.verbose and answer.last:
        console.err(timings(answer.last), end="")


async def interruptible(work: Awaitable[None]) -> bool:
    """Await ``work``; Ctrl+C cancels it and nothing else.

    Returns:
        False when it was interrupted.
    """
    task = asyncio.ensure_future(work)
    with _on_interrupt(task), keyboard.silent():
        try:
            await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if current is not None and current.cancelling():
                raise
            return False
    return True


def timings(last: Json) -> str:
    """The statistics at the end of an answer, one per line."""
    lines = []
    for name, key in (("total", "total_duration"), ("load", "load_duration")):
        if last.get(key, 0) > 0:
            lines.append(f"{name + ' duration:':<22}{duration(last[key])}\n")
    for name, prefix in (("prompt eval", "prompt_eval"), ("eval", "eval")):
        count, spent = last.get(f"{prefix}_count", 0), last.get(f"{prefix}_duration", 0)
        if count > 0:
            lines.append(f"{name + ' count:':<22}{count} token(s)\n")
        if spent > 0:
            lines.append(f"{name + ' duration:':<22}{duration(spent)}\n")
            lines.append(f"{name + ' rate:':<22}{count / spent * 1e9:.2f} tokens/s\n")
    return "".join(lines)


async def _show(stream: AsyncGenerator[Json, None], look: Look, answer: Answer) -> None:
    screen = _Screen(look)
    async with Progress() as waiting, aclosing(streamed(stream)) as lines:
        if console.is_terminal(sys.stdout):
            waiting.show("")
        async for line in lines:
            piece = _Piece.of(line)
            if piece.is_visible(look):
                waiting.clear()
            answer.content += piece.content
            answer.thinking += piece.thinking
            answer.tool_calls += piece.tool_calls
            screen.show(piece)
            if line.get("done"):
                answer.last = line
        waiting.clear()
    screen.close()


@dataclass(frozen=True)
class _Piece:
    """What one line adds to an answer."""

    content: str
    thinking: str
    tool_calls: list[Json]

    @classmethod
    def of(cls, line: Json) -> _Piece:
        message = line.get("message") or line
        return cls(
            content=message.get("content") or line.get("response") or "",
            thinking=message.get("thinking") or "",
            tool_calls=message.get("tool_calls") or [],
        )

    def is_visible(self, look: Look) -> bool:
        return bool(self.content or self.tool_calls or (self.thinking and not look.hide_thinking))


class _Screen:
    """Writes pieces to standard output, with a frame around the thinking."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._is_terminal = console.is_terminal(sys.stdout)
        self._wrap = WordWrap(console.width() if look.wrap and self._is_terminal else 0)
        self._is_thinking = False
        self._last = ""

    def show(self, piece: _Piece) -> None:
        if piece.thinking and not self._look.hide_thinking:
            self._open()
            self._write(piece.thinking)
        if piece.content or piece.tool_calls:
            self.close()
        self._write(piece.content)
        for call in piece.tool_calls:
            self._write(_call(call))

    def close(self) -> None:
        """End the thinking."""
        if not self._is_thinking:
            return
        self._is_thinking = False
        self._frame(("" if self._last.endswith("\n") else "\n") + "...done thinking.\n\n", "")
        self._write("")

    def _open(self) -> None:
        if not self._is_thinking:
            self._is_thinking = True
            self._frame("Thinking...\n", _GREY)

    def _frame(self, text: str, behind: str) -> None:
        if self._is_terminal and wants_colors():
            text = f"{_GREY}{_BOLD}{text}{_PLAIN}{behind}"
        console.raw(sys.stdout, text)
        self._wrap = WordWrap(console.width() if self._look.wrap and self._is_terminal else 0)

    def _write(self, text: str) -> None:
        if text:
            self._last = text
            safe = console.printable(text) if self._is_terminal else text
            console.raw(sys.stdout, self._wrap.feed(safe))


def _call(call: Json) -> str:
    function = call.get("function") or {}
    arguments = json.dumps(function.get("arguments") or {}, ensure_ascii=False)
    name = function.get("name", "")
    return f"Model called a non-existent function '{name}()' with arguments: {arguments}"


@contextmanager
def _on_interrupt(task: asyncio.Future[None]) -> Iterator[None]:
    """Let Ctrl+C cancel ``task``. Not every loop has ``add_signal_handler``."""
    loop = asyncio.get_running_loop()
    before = signal.getsignal(signal.SIGINT)
    with contextlib.suppress(ValueError):  # only the main thread may set handlers
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(task.cancel))
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            signal.signal(signal.SIGINT, before)
