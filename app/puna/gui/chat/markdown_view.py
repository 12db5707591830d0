"""An answer's Markdown: finished blocks stay as they are, only the last one is redrawn."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from puna.gui.chat.code_block import CodeBlock
from puna.gui.chat.markdown import Block, BlockStream, merged, split
from puna.gui.chat.prose import Prose
from puna.gui.controls import clear, column


class MarkdownView(QWidget):
    """Grows with :meth:`append`; :meth:`show_text` draws a text that is whole.

    Signals:
        link_clicked: target of a link.
    """

    link_clicked = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout: QVBoxLayout = column(spacing=0)
        self.setLayout(self._layout)
        self._stream = BlockStream()
        self._tail: QWidget | None = None

    def show_text(self, text: str) -> None:
        """Replace everything by ``text``."""
        clear(self._layout)
        self._stream = BlockStream()
        self._tail = None
        for block in merged(split(text)):
            self._freeze(block)

    def append(self, text: str) -> None:
        """Add text that has just arrived."""
        finished, growing = self._stream.append(text)
        for block in finished:
            self._freeze(block)
        if growing is not None:
            self._grow(growing)

    def _freeze(self, block: Block) -> None:
        widget = self._widget_for(block)
        if isinstance(widget, CodeBlock):
            widget.freeze(block)
        elif isinstance(widget, Prose):
            widget.show_markdown(block.text)
        self._tail = None

    def _grow(self, block: Block) -> None:
        widget = self._widget_for(block)
        if isinstance(widget, CodeBlock):
            widget.show_block(block)
        elif isinstance(widget, Prose):
            widget.show_markdown(block.text)
        self._tail = widget

    def _widget_for(self, block: Block) -> QWidget:
        """The widget of the growing block, or a new one when the block is of another kind."""
        fits = isinstance(self._tail, CodeBlock if block.is_code else Prose)
        if self._tail is not None and fits:
            return self._tail
        if self._tail is not None:
            self._layout.removeWidget(self._tail)
            self._tail.hide()
            self._tail.deleteLater()
        if block.is_code:
            widget: QWidget = CodeBlock(block)
        else:
            widget = Prose(self.tr("Answer"))
            widget.link_clicked.connect(self.link_clicked)
        self._layout.addWidget(widget)
        if block.is_code:
            self._layout.addSpacing(10)
        return widget
