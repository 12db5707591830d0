"""Web pages that were turned away, and what is decided about them."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum

from PySide6.QtCore import QObject, Signal

from puna.config.network import is_origin
from puna.gui.session import Session
from puna.gui.tasks import Tasks

_MOST_LISTED = 20
_MOST_ASKED = 3
_PAUSE_S = 3600.0


class Decision(Enum):
    """What becomes of requests from a page; the values are the server's words."""

    ONCE = "once"
    ALWAYS = "always"
    NEVER = "never"


class Origins(QObject):
    """Collects refused origins and asks about few of them, rarely; it never decides by itself.

    A page can send as many requests as it likes: one origin is asked about at
    most once an hour, and at most three wait for an answer at a time.

    Signals:
        changed: :attr:`refused` or :attr:`asking` is another one.
        asked: an origin that the user should decide about now.
        decided: the server took a decision.
        failed: the server did not take a decision; a :class:`PunaError`.

    Attributes:
        refused: origins that were turned away and not decided on, newest first.
        asking: those of them that wait for an answer, oldest first.
    """

    changed = Signal()
    asked = Signal(str)
    decided = Signal()
    failed = Signal(object)

    def __init__(
        self,
        session: Session,
        clock: Callable[[], float] = time.monotonic,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.tasks = Tasks(self)
        self.refused: list[str] = []
        self.asking: list[str] = []
        self._session = session
        self._clock = clock
        self._asked_at: dict[str, float] = {}
        session.origin_refused.connect(self._take)

    def decide(self, origin: str, decision: Decision) -> None:
        """Tell the server; the origin is off the lists once it agreed."""
        self.tasks.start(
            f"decide {origin}", self._decide(origin, decision), on_error=self.failed.emit
        )

    def postpone(self, origin: str) -> None:
        """Ask no more for now; the origin stays refused and listed."""
        if origin in self.asking:
            self.asking.remove(origin)
            self.changed.emit()

    def forget(self, origin: str) -> None:
        """Take the origin off all lists; it stays refused."""
        self.refused = [other for other in self.refused if other != origin]
        self.asking = [other for other in self.asking if other != origin]
        self.changed.emit()

    async def _decide(self, origin: str, decision: Decision) -> None:
        await self._session.client.decide_origin(origin, decision.value)
        self.forget(origin)
        self.decided.emit()

    def _take(self, origin: str) -> None:
        if not origin:
            return
        others = [other for other in self.refused if other != origin]
        self.refused = [origin, *others][:_MOST_LISTED]
        if self._may_ask(origin):
            self._asked_at = {
                name: at for name, at in self._asked_at.items() if self._clock() - at < _PAUSE_S
            } | {origin: self._clock()}
            self.asking.append(origin)
            self.asked.emit(origin)
        self.changed.emit()

    def _may_ask(self, origin: str) -> bool:
        return (
            origin not in self.asking
            and len(self.asking) < _MOST_ASKED
            and self._clock() - self._asked_at.get(origin, -_PAUSE_S) >= _PAUSE_S
        )


def can_be_allowed(origin: str) -> bool:
    """Whether the origin names one site; ``null``, which any page can send, does not."""
    return is_origin(origin)
