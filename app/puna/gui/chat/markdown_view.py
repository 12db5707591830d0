"""An answer's Markdown: finished blocks stay as they are, only the last one is redrawn."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from puna.gui.chat.code_block import CodeBlock
from puna.gui.chat.markdown import Block, BlockStream, merged, split
from puna.gui.chat.prose import Prose
from puna.gui.controls import clear, column

_LONGEST_PROSE = 3000
"""Characters of prose in one widget while text arrives; redrawing it costs a few ms."""


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
        self._begin()

    def _begin(self) -> None:
        self._stream = BlockStream()
        self._length = 0
        self._growing: Block | None = None
        self._tail: QWidget | None = None
        self._prose: Prose | None = None
        self._prose_text = ""

    def show_text(self, text: str) -> None:
        """Replace everything by ``text``."""
        clear(self._layout)
        self._begin()
        for block in merged(split(text)):
            self._freeze(block)

    def begin(self, text: str) -> None:
        """Replace everything by ``text``, which :meth:`append` will go on with."""
        clear(self._layout)
        self._begin()
        self.append(text)

    def append(self, text: str) -> None:
        """Add text that has just arrived."""
        self._length += len(text)
        finished, growing = self._stream.append(text)
        for block in finished:
            self._freeze(block)
        self._growing = growing
        if growing is not None:
            self._grow(growing)

    def finish(self, text: str) -> None:
        """The whole text is ``text``; what has been drawn of it as it arrived is kept."""
        if self._length != len(text):
            self.show_text(text)
        elif self._growing is not None:
            self._freeze(self._growing)
            self._growing = None

    def _freeze(self, block: Block) -> None:
        if not block.is_code and self._joins(block):
            return
        widget = self._widget_for(block)
        self._tail = None
        self._prose = None
        if isinstance(widget, CodeBlock):
            widget.freeze(block)
        elif isinstance(widget, Prose):
            widget.show_markdown(block.text)
            self._prose, self._prose_text = widget, block.text

    def _joins(self, block: Block) -> bool:
        """Add prose to the prose before it, so that both can be selected as one."""
        if self._prose is None or len(self._prose_text) + len(block.text) > _LONGEST_PROSE:
            return False
        self._drop_tail()
        self._prose_text = f"{self._prose_text}\n\n{block.text}"
        self._prose.show_markdown(self._prose_text)
        return True

    def _drop_tail(self) -> None:
        if self._tail is not None:
            self._layout.removeWidget(self._tail)
            self._tail.hide()
            self._tail.deleteLater()
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
        self._drop_tail()
        if block.is_code:
            widget: QWidget = CodeBlock(block)
        else:
            widget = Prose(self.tr("Answer"))
            widget.link_clicked.connect(self.link_clicked)
        self._layout.addWidget(widget)
        if block.is_code:
            self._layout.addSpacing(10)
        return widget
