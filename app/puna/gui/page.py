"""A page that scrolls up and down, its content in a column of readable width."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLayout, QScrollArea, QWidget

from puna.gui.controls import Shrinkable, column, label, row

_WIDEST = 860


class Page(QScrollArea):
    """Shows what :meth:`fill` gives it; never scrolls sideways."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def fill(self, title: str, *items: QWidget | QLayout) -> None:
        """Show cards and texts below a title."""
        layout = column(label(title, "title"), *items, 1, spacing=14)
        layout.setContentsMargins(24, 20, 24, 20)
        body = Shrinkable()
        body.setMaximumWidth(_WIDEST)
        body.setLayout(layout)
        line = row(1, spacing=0)
        line.addWidget(body, 100)
        line.addStretch(1)
        page = Shrinkable()
        page.setObjectName("page")
        page.setLayout(line)
        self.setWidget(page)
