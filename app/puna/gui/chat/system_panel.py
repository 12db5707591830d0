"""The system prompt and the options of the chat in view."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPlainTextEdit, QWidget

from puna.gui.chat.chat_options import SHOWN, option_title
from puna.gui.chat.view_model import ChatViewModel
from puna.gui.controls import column, label, row

_PAUSE_MS = 400


class SystemPanel(QFrame):
    """Fields above the conversation, hidden until they are asked for."""

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
        self._text.setMinimumHeight(40)
        self._text.setMaximumHeight(84)
        self._text.document().setDocumentMargin(8)
        self._fields = {name: self._field(name) for name in SHOWN}
        self._problem: QLabel = label("", "danger")
        layout = column(
            label(self.tr("System prompt of this chat"), "small"),
            self._text,
            self._options(),
            self._problem,
            spacing=6,
        )
        layout.setContentsMargins(24, 10, 24, 12)
        self.setLayout(layout)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE_MS)
        self._timer.timeout.connect(self._keep_text)
        self._show()
        self._text.textChanged.connect(self._timer.start)
        view_model.opened.connect(self._show)
        self.setVisible(bool(view_model.chat.system or view_model.chat.options))

    def _options(self) -> QHBoxLayout:
        line: QHBoxLayout = row(spacing=10)
        for name, field in self._fields.items():
            line.addLayout(column(label(option_title(name), "small"), field, spacing=2), 1)
        return line

    def _field(self, name: str) -> QLineEdit:
        field = QLineEdit()
        field.setAccessibleName(option_title(name))
        field.setPlaceholderText(self.tr("default"))
        field.textEdited.connect(partial(self._keep_option, name))
        return field

    def _keep_text(self) -> None:
        self._view_model.set_system(self._text.toPlainText())

    def _keep_option(self, name: str, text: str) -> None:
        problem = self._view_model.set_option(name, text)
        self._problem.setText(f"{option_title(name)}: {problem}" if problem else "")
        self._problem.setVisible(bool(problem))

    def _show(self) -> None:
        chat = self._view_model.chat
        self._text.blockSignals(True)
        self._text.setPlainText(chat.system)
        self._text.blockSignals(False)
        for name, field in self._fields.items():
            field.setText(f"{chat.options[name]:g}" if name in chat.options else "")
        self._problem.setVisible(False)
