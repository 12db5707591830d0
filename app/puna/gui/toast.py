"""A short message over the page, with a way to undo what it tells."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QFrame, QWidget

from puna.gui.controls import announce, button, label, row

UNDO_MS = 10_000
_NOTE_MS = 6_000


class Toast(QFrame):
    """Shows one message at a time at the bottom of its parent.

    An action that can be undone is carried out when its time is over, when
    another message takes its place, or when the toast is closed.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._area = parent
        self.setObjectName("toast")
        self._label = label("")
        self._undo = button(self.tr("Undo"), self._take_back)
        layout = row(self._label, self._undo, spacing=14)
        layout.setContentsMargins(16, 8, 10, 8)
        self.setLayout(layout)
        self._carry_out: Callable[[], None] | None = None
        self._bring_back: Callable[[], None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.settle)
        parent.installEventFilter(self)
        self.hide()

    def note(self, text: str) -> None:
        """Show a text for a moment."""
        self.settle()
        self._show(text, _NOTE_MS, undo=False)

    def offer_undo(
        self, text: str, bring_back: Callable[[], None], carry_out: Callable[[], None]
    ) -> None:
        """Show what was done; it is carried out later unless the user takes it back."""
        self.settle()
        self._bring_back, self._carry_out = bring_back, carry_out
        self._show(text, UNDO_MS, undo=True)

    def settle(self) -> None:
        """Carry out what waits and hide."""
        self._timer.stop()
        self.hide()
        action, self._carry_out, self._bring_back = self._carry_out, None, None
        if action is not None:
            action()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Keep the place when the window changes its size."""
        if event.type() == QEvent.Type.Resize and self.isVisible():
            self._place()
        return super().eventFilter(watched, event)

    def _take_back(self) -> None:
        action, self._carry_out, self._bring_back = self._bring_back, None, None
        self.settle()
        if action is not None:
            action()

    def _show(self, text: str, milliseconds: int, *, undo: bool) -> None:
        self._label.setText(text)
        self.setAccessibleName(text)
        self._undo.setVisible(undo)
        self.show()
        self.raise_()
        self._place()
        announce(self, text)
        self._timer.start(milliseconds)

    def _place(self) -> None:
        self.adjustSize()
        self.move(
            (self._area.width() - self.width()) // 2, self._area.height() - self.height() - 56
        )
