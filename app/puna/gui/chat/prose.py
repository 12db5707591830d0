"""One piece of Markdown prose, as tall as its text."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QResizeEvent,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFrameFormat,
    QTextLength,
    QTextTable,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QSizePolicy, QTextBrowser, QWidget

from puna.gui.theme import Tokens, current_tokens

_FEATURES = (
    QTextDocument.MarkdownFeature.MarkdownDialectGitHub
    | QTextDocument.MarkdownFeature.MarkdownNoHTML
)
_HEADINGS = (1.45, 1.28, 1.14, 1.05, 1.0, 1.0)
_LINE_HEIGHT = 142.0
_GAP = 9.0
_NOTHING = QImage(1, 1, QImage.Format.Format_ARGB32_Premultiplied)
_NOTHING.fill(0)


class SealedDocument(QTextDocument):
    """A document that reads nothing from outside."""

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """An empty picture for everything; for no answer at all Qt would read local files."""
        return _NOTHING


class Prose(QTextBrowser):
    """Shows Markdown; loads nothing from anywhere and opens no link by itself.

    Signals:
        link_clicked: target of a link.
    """

    link_clicked = Signal(str)

    def __init__(self, name: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("prose")
        self.setDocument(SealedDocument(self))
        self.setAccessibleName(name)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setOpenLinks(False)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(0)
        self.document().setUndoRedoEnabled(False)
        self.viewport().setAutoFillBackground(False)
        self.anchorClicked.connect(lambda url: self.link_clicked.emit(url.toString()))

    def show_markdown(self, text: str) -> None:
        """Replace the text."""
        document = self.document()
        # The text width must not depend on a height of an earlier, shorter text.
        document.setMarkdown(text, _FEATURES)
        _style(document, current_tokens(), self.font())
        self._fit()

    def loadResource(self, kind: int, name: QUrl | str) -> Any:
        """Nothing: a text of a model must not read files or reach the network."""
        return _NOTHING

    def sizeHint(self) -> QSize:
        """As tall as the text."""
        return QSize(super().sizeHint().width(), self.height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Wrap into the new width."""
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Scrolling belongs to the transcript."""
        event.ignore()

    def _fit(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        # The margin below the last paragraph is not part of the document's size.
        height = int(self.document().size().height() + _GAP + 0.999)
        if height != self.height():
            self.setFixedHeight(height)


def _style(document: QTextDocument, tokens: Tokens, font: QFont) -> None:
    """Give a freshly parsed document the program's own rhythm and colours."""
    size = font.pointSizeF() if font.pointSizeF() > 0 else 10.0
    block = document.begin()
    while block.isValid():
        cursor = QTextCursor(block)
        level = block.blockFormat().headingLevel()
        space = QTextBlockFormat()
        space.setLineHeight(_LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
        in_table = cursor.currentTable() is not None
        in_list = block.textList() is not None
        space.setTopMargin(_GAP if level else 0.0)
        space.setBottomMargin(0.0 if in_table else _GAP / 3 if in_list else _GAP)
        cursor.mergeBlockFormat(space)
        if level:
            heading = QTextCharFormat()
            heading.setFontPointSize(size * _HEADINGS[level - 1])
            heading.setFontWeight(QFont.Weight.DemiBold)
            cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
            cursor.mergeCharFormat(heading)
        block = block.next()
    _style_spans(document, tokens, size)
    _style_tables(document, tokens)


def _style_spans(document: QTextDocument, tokens: Tokens, size: float) -> None:
    """Inline code and links."""
    code = QTextCharFormat()
    code.setFontFamilies(["monospace"])
    code.setFontPointSize(size * 0.94)
    code.setBackground(QColor(tokens.hover))
    link = QTextCharFormat()
    link.setForeground(QColor(tokens.link))
    found: list[tuple[int, int, QTextCharFormat]] = []
    block = document.begin()
    while block.isValid():
        iterator = block.begin()
        while not iterator.atEnd():
            fragment = iterator.fragment()
            present = fragment.charFormat()
            if present.fontFixedPitch():
                found.append((fragment.position(), fragment.length(), code))
            elif present.isAnchor():
                found.append((fragment.position(), fragment.length(), link))
            iterator += 1
        block = block.next()
    for position, length, wanted in found:
        cursor = QTextCursor(document)
        cursor.setPosition(position)
        cursor.setPosition(position + length, QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(wanted)


def _style_tables(document: QTextDocument, tokens: Tokens) -> None:
    for child in document.rootFrame().childFrames():
        if isinstance(child, QTextTable):
            shape = child.format().toTableFormat()
            shape.setBorder(1)
            shape.setBorderBrush(QColor(tokens.border))
            shape.setBorderStyle(QTextFrameFormat.BorderStyle.BorderStyle_Solid)
            shape.setBorderCollapse(True)
            shape.setCellPadding(6)
            shape.setTopMargin(_GAP / 2)
            shape.setBottomMargin(_GAP)
            shape.setWidth(QTextLength(QTextLength.Type.VariableLength, 0))
            child.setFormat(shape)
