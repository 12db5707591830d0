"""One message of the transcript, a question or an answer."""

from __future__ import annotations

import base64

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPixmap, QResizeEvent
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from puna.gui.chat.markdown_view import MarkdownView
from puna.gui.chat.records import Message, State, Stats
from puna.gui.chat.thinking_view import ThinkingView
from puna.gui.controls import (
    CopyButton,
    ElidedLabel,
    button,
    clear,
    column,
    frame,
    icon_button,
    label,
    row,
)
from puna.gui.wording import duration, number

_THUMBNAIL = 180
_MOST_LINES = 16
_LONGEST = 2000


class MessageView(QFrame):
    """What questions and answers have in common: branches and Copy.

    Signals:
        switch_wanted: show the sibling that many places away.
        edit_wanted: put the question back into the composer.
        again_wanted: answer once more.
        more_wanted: go on with an answer that was cut.
        link_clicked: target of a link in the answer.
    """

    switch_wanted = Signal(int)
    edit_wanted = Signal()
    again_wanted = Signal()
    more_wanted = Signal()
    link_clicked = Signal(str)

    def __init__(self, message: Message, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("clear")
        self.message = message

    def branches(self) -> list[QWidget]:
        """``‹ 2/3 ›``, or nothing for a message that has no siblings."""
        message = self.message
        if len(message.siblings) < 2:
            return []
        place = message.siblings.index(message.id)
        back = icon_button("chevron-left", self.tr("Previous version"), size=14)
        back.clicked.connect(lambda: self.switch_wanted.emit(-1))
        back.setEnabled(place > 0)
        on = icon_button("chevron-right", self.tr("Next version"), size=14)
        on.clicked.connect(lambda: self.switch_wanted.emit(1))
        on.setEnabled(place + 1 < len(message.siblings))
        return [back, label(f"{place + 1}/{len(message.siblings)}", "small"), on]


class QuestionView(MessageView):
    """What the user said, in a bubble at the far side."""

    def __init__(self, message: Message, parent: QWidget | None = None) -> None:
        super().__init__(message, parent)
        self._text: QLabel = label(_beginning(message.content), wrap=True)
        self._text.setAccessibleName(self.tr("Your message"))
        self._text.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        inner = column(*(_thumbnail(image) for image in message.images), self._text)
        inner.setContentsMargins(14, 9, 14, 9)
        bubble = frame("bubble", inner)
        self._rest = button(self.tr("Show all"), self._show_all, role="quiet")
        self._rest.setVisible(self._text.text() != message.content)
        copy = CopyButton(self.tr("Copy message"), lambda: message.content)
        edit = icon_button("edit", self.tr("Edit message"), self.edit_wanted.emit, size=16)
        actions = row(1, self._rest, *self.branches(), edit, copy, spacing=2)
        self.setLayout(column(row(1, bubble), actions, spacing=2))

    def _show_all(self) -> None:
        self._text.setText(self.message.content)
        self._rest.setVisible(False)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The bubble is as wide as its text, at most three quarters of the transcript."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        widest = max(120, self.width() * 3 // 4 - 28)
        metrics = self._text.fontMetrics()
        lines = self._text.text().split("\n")
        natural = max(metrics.horizontalAdvance(line) for line in lines) + 4
        self._text.setFixedWidth(min(widest, natural))


class AnswerView(MessageView):
    """What the model wrote."""

    def __init__(self, message: Message, parent: QWidget | None = None) -> None:
        super().__init__(message, parent)
        self._thinking: ThinkingView | None = None
        self._cut: QLabel = label("", "small", wrap=True)
        self._stage: QLabel = label("", "muted")
        self._stage.setVisible(False)
        self._text = MarkdownView()
        self._text.link_clicked.connect(self.link_clicked)
        self._footer = row(spacing=2)
        self._more = button(self.tr("Go on"), self.more_wanted.emit, picture="play")
        self._more.setVisible(False)
        self._column = column(
            self._cut, self._stage, self._text, row(self._more, 1), self._footer, spacing=4
        )
        self.setLayout(self._column)
        self.show_message(message)

    def show_message(self, message: Message) -> None:
        """Draw the whole message."""
        self.message = message
        if message.state is State.WRITING:
            self._text.begin(message.content)
        else:
            self._text.finish(message.content)
        if message.thinking:
            self._thoughts().finish(message.thinking, message.stats.thinking)
        if message.state is not State.WRITING:
            self.show_stage("")
        self._cut.setText(self._cut_text(message.stats))
        self._cut.setVisible(message.stats.cut)
        self._show_footer()

    def offer_more(self, offered: bool) -> None:
        """Whether the model can go on with this answer."""
        self._more.setVisible(offered)

    def show_stage(self, text: str) -> None:
        """Say what is going on before the first word; empty says nothing."""
        self._stage.setText(text)
        self._stage.setVisible(bool(text))

    def append_text(self, text: str) -> None:
        """Add text that has just arrived."""
        self._text.append(text)

    def append_thinking(self, text: str) -> None:
        """Add thoughts that have just arrived."""
        self._thoughts().append(text)

    def add_fault(self, text: str, detail: str, action: QWidget) -> None:
        """Show why the answer failed and the one way forward."""
        words = column(label(text, "strong", wrap=True), spacing=2)
        if detail and detail != text:
            words.addWidget(label(detail, "small", wrap=True))
        inner = row(spacing=12)
        inner.setContentsMargins(14, 10, 14, 10)
        inner.addLayout(words, 1)
        inner.addWidget(action, 0, Qt.AlignmentFlag.AlignVCenter)
        self._column.insertWidget(self._column.count() - 1, frame("bannerError", inner))

    def _thoughts(self) -> ThinkingView:
        if self._thinking is None:
            self._thinking = ThinkingView()
            self._column.insertWidget(2, self._thinking)
        return self._thinking

    def _show_footer(self) -> None:
        clear(self._footer)
        if self.message.state is State.WRITING:
            return
        copy = CopyButton(self.tr("Copy answer"), lambda: self.message.content)
        again = icon_button("refresh", self.tr("Answer again"), self.again_wanted.emit, size=16)
        facts = ElidedLabel(self._facts(self.message.stats), "small")
        facts.setToolTip(self._details(self.message.stats))
        for widget in (copy, again, *self.branches()):
            self._footer.addWidget(widget)
        self._footer.addSpacing(8)
        self._footer.addWidget(facts, 1)

    def _cut_text(self, stats: Stats) -> str:
        """Where the model stopped seeing the conversation."""
        if stats.dropped:
            return self.tr(
                "The context is full: for this answer the model did not see the first %n message(s).",
                "",
                stats.dropped,
            )
        return self.tr("The context is full: for this answer the prompt was shortened.")

    def _facts(self, stats: Stats) -> str:
        facts = [self.message.model]
        if self.message.state is State.STOPPED:
            facts.append(self.tr("stopped"))
        if stats.tokens:
            facts.append(self.tr("{0} tokens/s").format(number(stats.speed, 1)))
            facts.append(self.tr("first token {0} s").format(number(stats.first_token, 2)))
            facts.append(self.tr("{0} tokens").format(stats.tokens))
        if stats.reason == "length":
            facts.append(self.tr("length limit reached"))
        return "  ·  ".join(facts)

    def _details(self, stats: Stats) -> str:
        if not stats.tokens:
            return ""
        reading = stats.prompt_tokens / stats.reading if stats.reading > 0 else 0.0
        return "\n".join(
            (
                self.tr("Prompt: {0} tokens, {1} tokens/s").format(
                    stats.prompt_tokens, number(reading, 1)
                ),
                self.tr("Answer: {0} tokens in {1}").format(stats.tokens, duration(stats.writing)),
                self.tr("Model load: {0} s").format(number(stats.load, 2)),
                self.tr("Ended by: {0}").format(stats.reason),
            )
        )


def _beginning(text: str) -> str:
    """The first lines of a long question; it may have whole files in it."""
    lines = text[:_LONGEST].split("\n")
    beginning = "\n".join(lines[:_MOST_LINES])
    return beginning if beginning == text else f"{beginning}…"


def _thumbnail(image: str) -> QLabel:
    pixmap = QPixmap()
    pixmap.loadFromData(base64.b64decode(image))
    widget = QLabel()
    widget.setPixmap(
        pixmap.scaled(
            _THUMBNAIL,
            _THUMBNAIL,
            Qt.AspectRatioMode.KeepAspectRatio,
            Qt.TransformationMode.SmoothTransformation,
        )
    )
    return widget
