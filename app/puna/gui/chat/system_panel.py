"""The system prompt of the chat in view."""

from __future__ import annotations

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from puna.gui.chat.view_model import ChatViewModel
from puna.gui.controls import column, label

_PAUSE_MS = 400


class SystemPanel(QFrame):
    """A field above the conversation, hidden until it is asked for."""

    def __init__(self, view_model: ChatViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self.setObjectName("panel")
        self._text = QPlainTextEdit()
        self._text.setAccessibleName(self.tr("System prompt of this chat"))
        self._text.setPlaceholderText(
            self.tr(
                "How the model should behave in this chat. Empty: what the model brings itself."
            )
        )
        self._text.setTabChangesFocus(True)
        self._text.setFixedHeight(84)
        layout = column(
            label(self.tr("System prompt of this chat"), "small"), self._text, spacing=4
        )
        layout.setContentsMargins(24, 10, 24, 12)
        self.setLayout(layout)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(lambda: view_model.set_system(self._text.toPlainText()))
        self._show()
        self._text.textChanged.connect(self._timer.start)
        view_model.opened.connect(self._show)
        self.setVisible(bool(view_model.chat.system))

    def _show(self) -> None:
        self._text.blockSignals(True)
        self._text.setPlainText(self._view_model.chat.system)
        self._text.blockSignals(False)
