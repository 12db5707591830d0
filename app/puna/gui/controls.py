"""Small widgets that every page is built from."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import (
    QAccessible,
    QAccessibleAnnouncementEvent,
    QFont,
    QFontDatabase,
    QGuiApplication,
    QIcon,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QApplication,
    QBoxLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from puna.gui.icons import icon
from puna.gui.theme import current_tokens

L = TypeVar("L", bound=QBoxLayout)


def themed_icon(name: str, token: str = "muted") -> QIcon:
    """A line icon in one token colour of the theme in use."""
    tokens = current_tokens()
    return icon(name, getattr(tokens, token), tokens.border_strong)


def label(text: str, role: str = "", *, wrap: bool = False) -> QLabel:
    """A text; ``role`` is a style of ``style.qss``."""
    widget = QLabel(text)
    widget.setTextFormat(Qt.TextFormat.PlainText)
    if role:
        widget.setProperty("role", role)
    widget.setWordWrap(wrap)
    if role.startswith("badge"):
        widget.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
    return widget


def button(
    text: str, action: Callable[[], object] | None = None, *, role: str = "", picture: str = ""
) -> QPushButton:
    """A push button; its text is its accessible name."""
    widget = QPushButton(text)
    widget.setAccessibleName(text)
    widget.setCursor(Qt.CursorShape.PointingHandCursor)
    if role:
        widget.setProperty("role", role)
    if picture:
        token = {"primary": "accent_text", "danger": "danger"}.get(role, "muted")
        widget.setIcon(themed_icon(picture, token))
    if action is not None:
        widget.clicked.connect(lambda: action())
    return widget


def icon_button(
    picture: str,
    name: str,
    action: Callable[[], object] | None = None,
    *,
    role: str = "",
    token: str = "muted",
    size: int = 18,
) -> QToolButton:
    """A button that shows only an icon; ``name`` is its tooltip and accessible name."""
    widget = QToolButton()
    widget.setIcon(themed_icon(picture, token))
    widget.setIconSize(QSize(size, size))
    widget.setToolTip(name)
    widget.setAccessibleName(name)
    widget.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    widget.setCursor(Qt.CursorShape.PointingHandCursor)
    if role:
        widget.setProperty("role", role)
    if action is not None:
        widget.clicked.connect(lambda: action())
    return widget


def give_role(widget: QWidget, role: str) -> None:
    """Style a widget that exists already by a role of ``style.qss``."""
    widget.setProperty("role", role)
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def search_field(name: str) -> QLineEdit:
    """A field with a magnifying glass; ``name`` is its placeholder and accessible name."""
    field = QLineEdit()
    field.setPlaceholderText(name)
    field.setAccessibleName(name)
    field.setClearButtonEnabled(True)
    glass = themed_icon("search", "faint")
    field.addAction(glass, QLineEdit.ActionPosition.LeadingPosition).setText(name)
    return field


def column(*items: QWidget | QLayout | int, margins: int = 0, spacing: int = 8) -> QVBoxLayout:
    """Items from top to bottom; a number is a stretch."""
    return _fill(QVBoxLayout(), items, margins, spacing)


def row(*items: QWidget | QLayout | int, margins: int = 0, spacing: int = 8) -> QHBoxLayout:
    """Items along the reading direction; a number is a stretch."""
    return _fill(QHBoxLayout(), items, margins, spacing)


def _fill(layout: L, items: tuple[QWidget | QLayout | int, ...], margins: int, spacing: int) -> L:
    layout.setContentsMargins(margins, margins, margins, margins)
    layout.setSpacing(spacing)
    for item in items:
        if isinstance(item, int):
            layout.addStretch(item)
        elif isinstance(item, QLayout):
            layout.addLayout(item)
        else:
            layout.addWidget(item)
    return layout


def frame(name: str, layout: QLayout | None = None) -> QFrame:
    """A styled area; ``name`` is its object name in ``style.qss``."""
    widget = QFrame()
    widget.setObjectName(name)
    if layout is not None:
        widget.setLayout(layout)
    return widget


def clear(layout: QLayout) -> None:
    """Take all items out of ``layout`` and delete their widgets."""
    while layout.count():
        item = layout.takeAt(0)
        assert item is not None
        inner = item.layout()
        widget = item.widget()
        if inner is not None:
            clear(inner)
        if widget is not None:
            widget.hide()
            widget.deleteLater()


def announce(widget: QWidget, text: str) -> None:
    """Let screen readers say ``text``."""
    QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(widget, text))


def copy_text(text: str) -> None:
    """Put ``text`` on the clipboard."""
    QGuiApplication.clipboard().setText(text)


def mono_font(widget: QWidget) -> None:
    """Give ``widget`` the system's fixed-pitch font at its present size."""
    font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
    size = QApplication.font().pointSizeF()
    font.setPointSizeF(size if size > 0 else 10)
    font.setStyleHint(QFont.StyleHint.Monospace)
    widget.setFont(font)


class CopyButton(QToolButton):
    """Copies what ``text`` returns and shows a tick for a moment."""

    def __init__(self, name: str, text: Callable[[], str]) -> None:
        super().__init__()
        self._text = text
        self.setIcon(themed_icon("copy"))
        self.setToolTip(name)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._back = QTimer(self)
        self._back.setSingleShot(True)
        self._back.setInterval(1500)
        self._back.timeout.connect(lambda: self.setIcon(themed_icon("copy")))
        self.clicked.connect(self._copy)

    def _copy(self) -> None:
        copy_text(self._text())
        self.setIcon(themed_icon("check", "success"))
        self._back.start()


class ElidedLabel(QLabel):
    """One line that ends in an ellipsis when there is no room; the whole text is its tooltip."""

    def __init__(self, text: str = "", role: str = "") -> None:
        super().__init__()
        self._whole = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        if role:
            self.setProperty("role", role)
        self.show_text(text)

    def show_text(self, text: str) -> None:
        """Show ``text``."""
        self._whole = text
        self.setToolTip(text)
        self.setAccessibleName(text)
        self._elide()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fit the text into the new width."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        fitting = self.fontMetrics().elidedText(
            self._whole, Qt.TextElideMode.ElideRight, max(0, self.width())
        )
        if fitting != self.text():
            self.setText(fitting)


class Shrinkable(QWidget):
    """As narrow as its place; what is in it wraps or elides instead of widening a scroll area."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """No width of its own."""
        return QSize(0, super().minimumSizeHint().height())


class EmptyState(QFrame):
    """What a page shows when it has nothing to show, and what to do about it."""

    def __init__(self, picture: str, title: str, text: str, *actions: QWidget) -> None:
        super().__init__()
        self.setObjectName("clear")
        image = QLabel()
        image.setPixmap(themed_icon(picture, "faint").pixmap(48, 48))
        image.setAlignment(Qt.AlignmentFlag.AlignCenter)
        heading = label(title, "section")
        heading.setAlignment(Qt.AlignmentFlag.AlignCenter)
        body = label(text, "muted", wrap=True)
        body.setAlignment(Qt.AlignmentFlag.AlignCenter)
        body.setMinimumWidth(420)
        body.setMaximumWidth(520)
        self.setLayout(
            column(
                1,
                image,
                heading,
                row(1, body, 1),
                row(1, *actions, 1),
                2,
                margins=24,
                spacing=12,
            )
        )
