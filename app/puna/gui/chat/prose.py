"""One piece of Markdown prose, as tall as its text."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QRectF, QSize, Qt, QUrl, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QImage,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextBlock,
    QTextBlockFormat,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QTextFormat,
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
_INDENT = 26.0
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
        self.document().setIndentWidth(_INDENT)
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

    def paintEvent(self, event: QPaintEvent) -> None:
        """Quotes have a bar at their side, which Qt does not draw."""
        painter = QPainter(self.viewport())
        layout = self.document().documentLayout()
        block = self.document().begin()
        while block.isValid():
            if _quote_level(block):
                side = layout.blockBoundingRect(block)
                bar = QRectF(_INDENT * _quote_level(block) - 14, side.top(), 3, side.height())
                painter.fillRect(bar, QColor(current_tokens().border_strong))
            block = block.next()
        painter.end()
        super().paintEvent(event)

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
    _style_tables(document, tokens)
    block = document.begin()
    while block.isValid():
        following = block.next()
        cursor = QTextCursor(block)
        cursor.mergeBlockFormat(_rhythm(block, following, tokens))
        voice = _voice(block, tokens, size)
        if voice.propertyCount():
            cursor.select(QTextCursor.SelectionType.BlockUnderCursor)
            cursor.mergeCharFormat(voice)
        block = following
    _style_spans(document, tokens, size)


def _rhythm(block: QTextBlock, following: QTextBlock, tokens: Tokens) -> QTextBlockFormat:
    """Distances and ground of one block."""
    present = block.blockFormat()
    shape = QTextBlockFormat()
    shape.setLineHeight(_LINE_HEIGHT, QTextBlockFormat.LineHeightTypes.ProportionalHeight.value)
    shape.setTopMargin(_GAP if present.headingLevel() else 0.0)
    goes_on = block.textList() is not None and following.textList() is not None
    in_table = QTextCursor(block).currentTable() is not None
    shape.setBottomMargin(0.0 if in_table else _GAP / 3 if goes_on else _GAP)
    if _quote_level(block):
        shape.setLeftMargin(_INDENT * _quote_level(block))
        shape.setRightMargin(_INDENT)
    if present.hasProperty(QTextFormat.Property.BlockTrailingHorizontalRulerWidth):
        shape.setBackground(QColor(tokens.border_strong))
    return shape


def _quote_level(block: QTextBlock) -> int:
    """How deep in quotes a block is, 0 = not quoted."""
    return block.blockFormat().intProperty(QTextFormat.Property.BlockQuoteLevel)


def _voice(block: QTextBlock, tokens: Tokens, size: float) -> QTextCharFormat:
    """How headings and quotes differ from plain text."""
    present = block.blockFormat()
    shape = QTextCharFormat()
    if present.headingLevel():
        shape.setFontPointSize(size * _HEADINGS[present.headingLevel() - 1])
        shape.setFontWeight(QFont.Weight.DemiBold)
    elif _quote_level(block):
        shape.setForeground(QColor(tokens.muted))
    return shape


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
            _style_header(child)


def _style_header(table: QTextTable) -> None:
    """Bold titles. After a quote Qt begins the first cell with an empty line, and not bold."""
    bold = QTextCharFormat()
    bold.setFontWeight(QFont.Weight.DemiBold)
    for column in range(table.columns()):
        cell = table.cellAt(0, column)
        cursor = cell.firstCursorPosition()
        if cursor.block() != cell.lastCursorPosition().block() and not cursor.block().text():
            cursor.deleteChar()
        cursor.setPosition(cell.lastCursorPosition().position(), QTextCursor.MoveMode.KeepAnchor)
        cursor.mergeCharFormat(bold)
