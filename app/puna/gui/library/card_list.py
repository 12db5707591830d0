"""Cards in a column, as tall as they are and scrolled when there is no room for all."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtWidgets import QScrollArea, QSizePolicy, QWidget

from puna.gui.controls import Shrinkable, clear, column


class CardList(QScrollArea):
    """Hidden while it has no cards."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._cards: list[QWidget] = []
        self._list = column(spacing=8)
        self._body = Shrinkable()
        self._body.setObjectName("page")
        self._body.setLayout(self._list)
        self.setWidget(self._body)

    def show_cards(self, cards: Sequence[QWidget]) -> None:
        """Replace the cards."""
        clear(self._list)
        self._cards = list(cards)
        for card in self._cards:
            self._list.addWidget(card)
        self.setVisible(bool(self._cards))
        self.updateGeometry()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        """Cards have a size only once they are shown: then ask for room anew."""
        if watched is self._body and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return super().eventFilter(watched, event)

    def sizeHint(self) -> QSize:
        """Room for all cards."""
        return self._body.sizeHint()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        """Room for one."""
        return QSize(0, max((card.sizeHint().height() for card in self._cards), default=0))
