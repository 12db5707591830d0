"""When what a batch gave is sent: at once, or together with what the next ones give."""

from __future__ import annotations

import time
from collections.abc import Callable

from puna.runner.protocol import Delta, Report, Step

QUICK_S = 0.05
"""Text of a batch that took no longer may wait for the next one: nobody sees that."""

FIRST_TOKENS = 8
"""Somebody waits for the beginning of an answer, and some of these are no text."""

FRAME_S = 1 / 60
"""How long text may wait for more. In one piece it costs less, and screens show no more."""


class Delivery:
    """Sends reports in their order; text may be held back for a moment.

    Who passes text on to clients needs a core. While a batch is computed all
    are taken, and each thread that loses its core for a moment holds up all
    others; while the loop chooses tokens only one is in use. So text is sent
    right after a batch, :meth:`tick`, and not before the next.

    Args:
        clock: monotonic s.
    """

    def __init__(
        self, send: Callable[[Report], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._clock = clock
        self._held: list[Delta] = []
        self._due = 0.0

    def send(self, report: Report) -> None:
        """Send a report now, after what is held."""
        self.flush()
        self._send(report)

    def hold(self, deltas: list[Delta], *, apart: bool = False) -> None:
        """Send text after the next batch; unless ``apart``, later ones may be waited for."""
        now = self._clock()
        if apart:
            self._due = now
        elif not self._held:
            self._due = now + FRAME_S
        self._held += deltas

    def tick(self) -> None:
        """A batch is done: send what has been held long enough."""
        if self._held and self._clock() >= self._due:
            self.flush()

    def flush(self) -> None:
        """Send what is held."""
        held, self._held = self._held, []
        if held:
            self._send(Step(tuple(held)))
