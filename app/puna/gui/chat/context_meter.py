"""How full the model's context is."""

from __future__ import annotations

from PySide6.QtWidgets import QLabel, QProgressBar, QWidget

from puna.gui.chat.view_model import ChatViewModel
from puna.gui.controls import label, row
from puna.gui.wording import number

_WIDTH = 72
_NEARLY_FULL = 0.85


class ContextMeter(QWidget):
    """A small bar; hidden until an answer has told what it took."""

    def __init__(self, view_model: ChatViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedWidth(_WIDTH)
        self._bar.setAccessibleName(self.tr("Context in use"))
        self._words: QLabel = label("", "small")
        self.setLayout(row(self._bar, self._words, spacing=8))
        for signal in (
            view_model.opened,
            view_model.chat_changed,
            view_model.message_changed,
            view_model.session.loaded_changed,
        ):
            signal.connect(self._show)
        self._show()

    def _show(self) -> None:
        used, limit = self._view_model.context_use
        self.setVisible(bool(used and limit))
        if not (used and limit):
            return
        share = min(1.0, used / limit)
        self._bar.setRange(0, limit)
        self._bar.setValue(min(used, limit))
        self._bar.setAccessibleDescription(f"{share:.0%}")
        self._words.setText(self.tr("Context {0} %").format(round(share * 100)))
        self._words.setProperty("role", "warning" if share > _NEARLY_FULL else "small")
        self._words.style().polish(self._words)
        self.setToolTip(
            self.tr(
                "{0} of {1} tokens of the context are in use. When it is full, the model no "
                "longer sees the oldest messages; the answer then says so."
            ).format(number(used), number(limit))
        )
