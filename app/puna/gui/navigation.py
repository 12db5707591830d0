"""The rail at the side of the window: one button per page, and the program's menu."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QButtonGroup, QFrame, QMenu, QToolButton, QWidget

from puna.gui.controls import column, themed_icon

_LEAST = QSize(70, 58)
PAGES = ("chat", "models", "create", "api", "activity", "settings")


class Navigation(QFrame):
    """Ctrl+1 … Ctrl+6 do the same.

    Signals:
        page_chosen: place of the page in :data:`PAGES`.
    """

    page_chosen = Signal(int)

    def __init__(self, menu: QMenu, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("rail")
        menu.setParent(self, menu.windowFlags())
        self._group = QButtonGroup(self)
        self._size = self._room_for(self._titles().values())
        layout = column(spacing=4)
        layout.setContentsMargins(8, 12, 8, 10)
        for place, (name, title) in enumerate(self._titles().items()):
            entry = self._button(name, title)
            entry.setCheckable(True)
            entry.setToolTip(f"{title} (Ctrl+{place + 1})")
            entry.clicked.connect(partial(self.page_chosen.emit, place))
            self._group.addButton(entry, place)
            layout.addWidget(entry)
        layout.addStretch(1)
        more = self._button("more", self.tr("Menu"))
        more.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        more.setMenu(menu)
        layout.addWidget(more)
        self.setLayout(layout)

    def show_page(self, place: int) -> None:
        """Mark the page in view."""
        for index, entry in enumerate(self._group.buttons()):
            entry.setChecked(index == place)
            token = "accent" if index == place else "muted"
            entry.setIcon(themed_icon(PAGES[index], token))

    def _titles(self) -> dict[str, str]:
        return {
            "chat": self.tr("Chat"),
            "models": self.tr("Models"),
            "create": self.tr("Create"),
            "api": self.tr("API"),
            "activity": self.tr("Activity"),
            "settings": self.tr("Settings"),
        }

    def _room_for(self, titles: Iterable[str]) -> QSize:
        """The size of all buttons: each title fits, in bold too, at any size of texts."""
        probe = QToolButton(self)
        probe.setProperty("role", "nav")
        probe.ensurePolished()
        font = probe.font()
        font.setBold(True)
        metrics = QFontMetrics(font)
        widest = max(metrics.horizontalAdvance(title) for title in titles)
        probe.deleteLater()
        return QSize(max(_LEAST.width(), widest + 10), _LEAST.height() - 14 + metrics.height())

    def _button(self, name: str, title: str) -> QToolButton:
        entry = QToolButton()
        entry.setProperty("role", "nav")
        entry.setText(title)
        entry.setAccessibleName(title)
        entry.setIcon(themed_icon(name))
        entry.setIconSize(QSize(22, 22))
        entry.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        entry.setFixedSize(self._size)
        entry.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        return entry
