"""Colours in the Modelfile editor."""

from __future__ import annotations

from PySide6.QtGui import QColor, QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from puna.gui.create.marks import Mark, marks
from puna.gui.theme import Tokens


class Highlighter(QSyntaxHighlighter):
    """Draws what :func:`marks` found; :meth:`read` looks anew."""

    def __init__(self, document: QTextDocument, tokens: Tokens) -> None:
        self._marks: dict[int, list[Mark]] = {}
        self._tokens = tokens
        super().__init__(document)

    def read(self, text: str) -> None:
        """Find the parts of ``text`` and redraw the lines that look different now."""
        old = self._marks
        self._marks = {}
        for mark in marks(text):
            self._marks.setdefault(mark.line, []).append(mark)
        for line in old.keys() | self._marks.keys():
            if old.get(line) != self._marks.get(line):
                self.rehighlightBlock(self.document().findBlockByNumber(line))

    def highlightBlock(self, text: str) -> None:
        """Qt: colour one line."""
        for mark in self._marks.get(self.currentBlock().blockNumber(), ()):
            shape = QTextCharFormat()
            shape.setForeground(QColor(getattr(self._tokens, mark.kind)))
            if mark.kind == "keyword":
                shape.setFontWeight(QFont.Weight.DemiBold)
            self.setFormat(mark.start, mark.length, shape)
