"""A code block of an answer: its language, its text in colours, and a Copy button."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor, QWheelEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QWidget

from puna.gui.chat.highlight import spans
from puna.gui.chat.markdown import Block
from puna.gui.controls import CopyButton, column, frame, label, mono_font, row
from puna.gui.theme import current_tokens


class CodeText(QPlainTextEdit):
    """Read-only code, as tall as its lines, scrolled sideways only."""

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("codeText")
        self.setAccessibleName(name)
        self.setReadOnly(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        mono_font(self)
        self.document().setDocumentMargin(0)

    def show_code(self, text: str) -> None:
        """Replace the text and fit the height to it."""
        self.setPlainText(text)
        lines = self.blockCount() * self.fontMetrics().lineSpacing()
        wide = max(
            (self.fontMetrics().horizontalAdvance(line) for line in text.split("\n")), default=0
        )
        bar = (
            self.horizontalScrollBar().sizeHint().height() if wide > self.viewport().width() else 0
        )
        self.setFixedHeight(lines + bar + 6)

    def color(self, language: str) -> None:
        """Colour the text once; done when it will not grow any more."""
        tokens = current_tokens()
        cursor = QTextCursor(self.document())
        for span in spans(self.toPlainText(), language):
            shape = QTextCharFormat()
            shape.setForeground(QColor(getattr(tokens, span.kind)))
            cursor.setPosition(span.start)
            cursor.setPosition(span.start + span.length, QTextCursor.MoveMode.KeepAnchor)
            cursor.mergeCharFormat(shape)

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Sideways scrolling is ours, up and down belongs to the transcript."""
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
        else:
            event.ignore()


class CodeBlock(QFrame):
    """One fenced block."""

    def __init__(self, block: Block, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("codeBlock")
        self._language = label("", "small")
        self._text = CodeText(self.tr("Code"))
        self._copy = CopyButton(self.tr("Copy code"), self._text.toPlainText)
        header = frame("codeHeader", row(self._language, 1, self._copy))
        layout = column(header, self._text, spacing=2)
        layout.setContentsMargins(12, 4, 6, 8)
        self.setLayout(layout)
        self.show_block(block)

    def show_block(self, block: Block) -> None:
        """Show the code as far as it has come."""
        self._language.setText(block.language or self.tr("text"))
        self._text.show_code(block.text)

    def freeze(self, block: Block) -> None:
        """Show the whole code, with colours."""
        self.show_block(block)
        self._text.color(block.language)
