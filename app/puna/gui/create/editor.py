"""The Modelfile editor: line numbers, colours, underlined problems, completion."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QRect, QSize, QStringListModel, Qt
from PySide6.QtGui import (
    QColor,
    QInputMethodEvent,
    QKeyEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QCompleter, QListView, QPlainTextEdit, QTextEdit, QWidget

from puna.gui.controls import mono_font
from puna.gui.create.completion import completions
from puna.gui.create.highlighter import Highlighter
from puna.gui.theme import current_tokens
from puna.modelfile import Problem

_ACCEPT = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Tab)


class Editor(QPlainTextEdit):
    """Plain text with the aids of a code editor.

    Args:
        models: tells the installed models for completion after FROM.
    """

    def __init__(self, models: Callable[[], Sequence[str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._models = models
        self._typed = ""
        self._problems: Sequence[Problem] = ()
        mono_font(self)
        self.setTabStopDistance(4 * self.fontMetrics().horizontalAdvance(" "))
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        self._highlighter = Highlighter(self.document(), current_tokens())
        self._numbers = LineNumbers(self)
        self._popup = QListView()
        self._popup.setAccessibleName(self.tr("Completions"))
        self._completer = self._make_completer()
        self.document().contentsChange.connect(self._read)
        self.blockCountChanged.connect(self._make_room)
        self.updateRequest.connect(self._scroll_numbers)
        self.cursorPositionChanged.connect(self._numbers.update)
        self._make_room()

    def show_problems(self, problems: Sequence[Problem]) -> None:
        """Underline ``problems``."""
        self._problems = problems
        self.setExtraSelections([self._underline(problem) for problem in problems])
        self._numbers.update()

    def go_to(self, problem: Problem) -> None:
        """Put the cursor at a problem."""
        cursor = self.textCursor()
        cursor.setPosition(self._position(problem.line, problem.column))
        self.setTextCursor(cursor)
        self.ensureCursorVisible()
        self.setFocus()

    def problem_lines(self) -> set[int]:
        """Lines with a problem, from 0."""
        return {problem.line - 1 for problem in self._problems}

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Let the completion list have its keys, then offer what fits."""
        popup = self._popup
        if popup.isVisible() and event.key() in (*_ACCEPT, Qt.Key.Key_Escape):
            event.ignore()
            return
        super().keyPressEvent(event)
        asked = (
            event.key() == Qt.Key.Key_Space
            and event.modifiers() & Qt.KeyboardModifier.ControlModifier
        )
        if asked or event.text().strip():
            self._complete(asked=bool(asked))
        elif popup.isVisible():
            self._complete(asked=False)

    def inputMethodEvent(self, event: QInputMethodEvent) -> None:
        """No completion while an input method composes."""
        self._popup.hide()
        super().inputMethodEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep the line numbers beside the text."""
        super().resizeEvent(event)
        area = self.contentsRect()
        width = self._numbers.sizeHint().width()
        self._numbers.setGeometry(QRect(area.left(), area.top(), width, area.height()))

    def _make_completer(self) -> QCompleter:
        completer = QCompleter(self)
        completer.setModel(QStringListModel(completer))
        completer.setWidget(self)
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        completer.setPopup(self._popup)
        completer.activated.connect(self._insert)
        return completer

    def _complete(self, *, asked: bool) -> None:
        cursor = self.textCursor()
        before = cursor.block().text()[: cursor.positionInBlock()]
        self._typed, words = completions(before, self._models())
        popup = self._popup
        if not words or (not self._typed and not asked):
            popup.hide()
            return
        model = self._completer.model()
        assert isinstance(model, QStringListModel)
        model.setStringList(words)
        place = self.cursorRect()
        place.translate(self.viewportMargins().left(), 4)
        place.setWidth(240)
        self._completer.complete(place)
        popup.setCurrentIndex(model.index(0))

    def _insert(self, word: str) -> None:
        cursor = self.textCursor()
        cursor.movePosition(
            QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(self._typed)
        )
        cursor.insertText(word)

    def _read(self) -> None:
        self._highlighter.read(self.toPlainText())

    def _make_room(self) -> None:
        self.setViewportMargins(self._numbers.sizeHint().width(), 0, 0, 0)

    def _scroll_numbers(self, area: QRect, dy: int) -> None:
        if dy:
            self._numbers.scroll(0, dy)
        else:
            self._numbers.update(0, area.y(), self._numbers.width(), area.height())

    def _position(self, line: int, column: int) -> int:
        block = self.document().findBlockByNumber(line - 1)
        text = block.text()
        before = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
        offset = len(before[: column - 1].encode("utf-16-le", "surrogatepass")) // 2
        return block.position() + min(offset, max(0, block.length() - 1))

    def _underline(self, problem: Problem) -> QTextEdit.ExtraSelection:
        tokens = current_tokens()
        selection = QTextEdit.ExtraSelection()
        selection.cursor = QTextCursor(self.document())
        start = self._position(problem.line, problem.column)
        end = self._position(problem.line, problem.end_column)
        selection.cursor.setPosition(start)
        selection.cursor.setPosition(end, QTextCursor.MoveMode.KeepAnchor)
        shape = QTextCharFormat()
        shape.setUnderlineStyle(QTextCharFormat.UnderlineStyle.WaveUnderline)
        is_error = problem.severity == "error"
        shape.setUnderlineColor(QColor(tokens.danger if is_error else tokens.warning))
        shape.setToolTip(problem.text)
        selection.format = shape
        return selection


class LineNumbers(QWidget):
    """The numbers beside the text; a line with a problem has its own colour."""

    def __init__(self, editor: Editor) -> None:
        super().__init__(editor)
        self._editor = editor

    def sizeHint(self) -> QSize:
        """Room for the largest number."""
        digits = max(3, len(str(self._editor.blockCount())))
        return QSize(self._editor.fontMetrics().horizontalAdvance("9") * digits + 18, 0)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the numbers of the lines in view."""
        editor = self._editor
        tokens = current_tokens()
        painter = QPainter(self)
        painter.setFont(editor.font())
        current, faulty = editor.textCursor().blockNumber(), editor.problem_lines()
        block = editor.firstVisibleBlock()
        top = editor.blockBoundingGeometry(block).translated(editor.contentOffset()).top()
        while block.isValid() and top <= event.rect().bottom():
            number = block.blockNumber()
            color = tokens.text if number == current else tokens.faint
            painter.setPen(QColor(tokens.danger if number in faulty else color))
            area = QRect(0, round(top), self.width() - 10, editor.fontMetrics().height())
            painter.drawText(area, Qt.AlignmentFlag.AlignRight, str(number + 1))
            top += editor.blockBoundingRect(block).height()
            block = block.next()
        painter.end()
