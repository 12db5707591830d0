"""Garbage collection in the GUI thread only.

Python collects cycles in whatever thread happens to allocate. A widget that is
collected in the server's thread is destroyed there, under the feet of Qt.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_LOOK_EVERY_MS = 1000
_OLDEST = 2


class GarbageCollection(QObject):
    """Collects by Python's own thresholds, but from a timer of the GUI thread."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_EVERY_MS)
        self._timer.timeout.connect(self._collect)
        self._timer.start()

    def close(self) -> None:
        """Let Python collect by itself again."""
        self._timer.stop()
        gc.unfreeze()
        gc.enable()

    def _collect(self) -> None:
        # What outlives the first look through everything stays: it need not be looked at again,
        # which would hold up the window each time.
        if collect() == _OLDEST and gc.get_freeze_count() == 0:
            gc.freeze()


def collect() -> int:
    """Collect the oldest generation that is due; returns which one, -1 when none is."""
    for generation in (_OLDEST, 1, 0):
        if gc.get_count()[generation] > gc.get_threshold()[generation]:
            gc.collect(generation)
            return generation
    return -1
