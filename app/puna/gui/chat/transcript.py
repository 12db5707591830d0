"""The messages of a chat, the newest at the bottom."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QPushButton, QScrollArea, QWidget

from puna.gui.chat.message_view import AnswerView, MessageView, QuestionView
from puna.gui.chat.records import Message
from puna.gui.controls import Shrinkable, button, clear, column, row

_WIDEST = 780
_NEAR_END = 40
_PAGE = 40
"""Messages drawn at first, and added by each "earlier messages"."""


class Transcript(QScrollArea):
    """Draws the last messages and earlier ones on demand; follows new text while at the end.

    Signals:
        view_added: a message view was made; its index in the chat.
    """

    view_added = Signal(int, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(self.tr("Conversation"))
        self._messages: list[Message] = []
        self._views: dict[int, MessageView] = {}
        self._first = 0
        self._follows = True
        self._distance = 0
        # Sizes are known only after the layout has run, so scrolling waits for one turn.
        self._settle_timer = QTimer(self)
        self._settle_timer.setSingleShot(True)
        self._settle_timer.setInterval(0)
        self._settle_timer.timeout.connect(self._settle)
        self._earlier = button(self.tr("Show earlier messages"), self._show_earlier, role="quiet")
        self._list = column(spacing=18)
        self._content = Shrinkable()
        self._content.setObjectName("page")
        inner = Shrinkable()
        inner.setMaximumWidth(_WIDEST)
        inner.setLayout(column(row(1, self._earlier, 1), self._list, 1, spacing=8))
        line = row(spacing=0)
        line.setContentsMargins(24, 20, 24, 20)
        line.addStretch(1)
        line.addWidget(inner, 100)
        line.addStretch(1)
        self._content.setLayout(line)
        self.setWidget(self._content)
        self._jump = self._make_jump()
        self._content.installEventFilter(self)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def show_messages(self, messages: list[Message]) -> None:
        """Draw another branch or chat, at its end."""
        clear(self._list)
        self._views.clear()
        self._messages = list(messages)
        self._first = max(0, len(messages) - _PAGE)
        for index in range(self._first, len(messages)):
            self._list.addWidget(self._make(index))
        self._earlier.setVisible(self._first > 0)
        self.follow()

    def add(self, message: Message) -> None:
        """Draw a message that was added at the end."""
        self._messages.append(message)
        self._list.addWidget(self._make(len(self._messages) - 1))
        self.follow()

    def answer(self, index: int) -> AnswerView | None:
        """The view of the answer of that index, when it is drawn."""
        view = self._views.get(index)
        return view if isinstance(view, AnswerView) else None

    def last_answer(self) -> AnswerView | None:
        """The view of the last message, when it is an answer."""
        return self.answer(len(self._messages) - 1)

    def follow(self) -> None:
        """Go to the end and stay there as text arrives."""
        self._follows = True
        self._settle_timer.start()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Stay at the end when the content grows."""
        if watched is self._content and event.type() == QEvent.Type.Resize and self._follows:
            self._settle_timer.start()
        return super().eventFilter(watched, event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stay at the end, and keep the jump button in its place."""
        super().resizeEvent(event)
        if self._follows:
            self._settle_timer.start()
        self._place_jump()

    def _make(self, index: int) -> MessageView:
        message = self._messages[index]
        view = QuestionView(message) if message.role == "user" else AnswerView(message)
        self._views[index] = view
        self.view_added.emit(index, view)
        return view

    def _show_earlier(self) -> None:
        bar = self.verticalScrollBar()
        self._distance = bar.maximum() - bar.value()
        self._follows = False
        start = max(0, self._first - _PAGE)
        for place, index in enumerate(range(start, self._first)):
            self._list.insertWidget(place, self._make(index))
        self._first = start
        self._earlier.setVisible(start > 0)
        self._settle_timer.start()

    def _settle(self) -> None:
        """Go to the end, or stay at the place from which earlier messages were asked for."""
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum() - (0 if self._follows else self._distance))

    def _scrolled(self, value: int) -> None:
        """Scrolling away from the end stops following, coming back starts it."""
        near = self.verticalScrollBar().maximum() - value <= _NEAR_END
        self._follows = near
        self._jump.setVisible(not near)

    def _make_jump(self) -> QPushButton:
        jump = button(self.tr("Jump to latest"), self.follow, picture="chevron-down")
        jump.setParent(self)
        jump.setVisible(False)
        return jump

    def _place_jump(self) -> None:
        self._jump.adjustSize()
        self._jump.move((self.width() - self._jump.width()) // 2, self.height() - 48)
