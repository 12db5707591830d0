"""A model's thoughts, folded away once the answer begins."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QWidget

from puna.gui.controls import button, column, frame, label, row, themed_icon
from puna.gui.wording import duration


class ThinkingView(QFrame):
    """A fold with the seconds that the thinking took; the last lines show while it goes on."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("clear")
        self._whole = ""
        self._open = False
        self._thinking = True
        self._toggle: QPushButton = button(self.tr("Thinking…"), self._flip, role="quiet")
        self._toggle.setCheckable(True)
        self._text: QLabel = label("", "muted", wrap=True)
        self._text.setAccessibleName(self.tr("Thoughts"))
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        inner = column(self._text)
        inner.setContentsMargins(12, 0, 0, 0)
        self._body = frame("thinking", inner)
        self.setLayout(column(row(self._toggle, 1), self._body, spacing=4))
        self._show()

    def append(self, text: str) -> None:
        """Add thoughts that have just arrived."""
        self._whole += text
        self._show()

    def finish(self, text: str, seconds: float) -> None:
        """The thinking is over: fold it and tell how long it took."""
        self._whole = text
        self._thinking = False
        words = (
            self.tr("Thought for {0}").format(duration(seconds))
            if seconds >= 1
            else self.tr("Thoughts")
        )
        self._toggle.setText(words)
        self._toggle.setAccessibleName(words)
        self._show()

    def _flip(self) -> None:
        self._open = not self._open
        self._show()

    def _show(self) -> None:
        self._toggle.setIcon(themed_icon("chevron-down" if self._open else "thinking"))
        self._toggle.setChecked(self._open)
        last_lines = "\n".join(self._whole.strip().splitlines()[-2:])
        self._text.setText(self._whole.strip() if self._open else last_lines)
        self._body.setVisible(bool(self._whole.strip()) and (self._open or self._thinking))
