"""Where the next message is written."""

from __future__ import annotations

from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QMimeData, Qt, Signal
from PySide6.QtGui import QImage, QImageWriter, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QTextEdit, QWidget

_MOST_LINES = 12


class ComposerText(QTextEdit):
    """Plain text that grows with its lines.

    Signals:
        submitted: the user wants to send.
        image_given: PNG bytes of a picture that was pasted or dropped.
        edit_last_wanted: arrow up in an empty field.
    """

    submitted = Signal()
    image_given = Signal(bytes)
    edit_last_wanted = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("composerText")
        self.setAcceptRichText(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.enter_sends = True
        self.document().setDocumentMargin(2)
        self.document().contentsChanged.connect(self._fit)
        self._fit()

    @property
    def is_composing(self) -> bool:
        """An input method shows text that is not chosen yet."""
        return bool(self.textCursor().block().layout().preeditAreaText())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter sends, unless it belongs to an input method or asks for a new line."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not self.is_composing and self._sends(event.modifiers()):
            self.submitted.emit()
            return
        if event.key() == Qt.Key.Key_Up and not self.toPlainText() and not self.is_composing:
            self.edit_last_wanted.emit()
            return
        super().keyPressEvent(event)

    def canInsertFromMimeData(self, source: QMimeData) -> bool:  # noqa: N802
        """Pictures are welcome besides text."""
        return source.hasImage() or super().canInsertFromMimeData(source)

    def insertFromMimeData(self, source: QMimeData) -> None:  # noqa: N802
        """A picture becomes an attachment, text becomes text."""
        if source.hasImage():
            self.image_given.emit(png_bytes(QImage(source.imageData())))
        else:
            super().insertFromMimeData(source)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Other widths need other heights."""
        super().resizeEvent(event)
        self._fit()

    def _sends(self, modifiers: Qt.KeyboardModifier) -> bool:
        control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        shift = bool(modifiers & Qt.KeyboardModifier.ShiftModifier)
        return control or (self.enter_sends and not shift)

    def _fit(self) -> None:
        line = self.fontMetrics().lineSpacing()
        wanted = int(self.document().size().height()) + 2
        self.setFixedHeight(max(line + 8, min(wanted, line * _MOST_LINES)))


def png_bytes(image: QImage) -> bytes:
    """A picture as PNG file bytes."""
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    QImageWriter(buffer, b"png").write(image)
    return bytes(data.data())
