"""The card of web pages that were turned away."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from puna.gui.controls import ElidedLabel, clear, column, icon_button, label, row
from puna.gui.origin_buttons import advice, decision_buttons
from puna.gui.origins import Origins, can_be_allowed


class OriginsCard(QFrame):
    """Every refused origin with what can be decided about it."""

    def __init__(self, origins: Origins, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("card")
        self._origins = origins
        self._list = column(spacing=6)
        self.setLayout(
            column(
                label(self.tr("Refused web pages"), "section"),
                label(
                    self.tr(
                        "Web pages and browser extensions need your leave before they may use "
                        "the models. Those that tried and were turned away are listed here. "
                        "The settings page has what you decided."
                    ),
                    "small",
                    wrap=True,
                ),
                self._list,
                margins=16,
                spacing=8,
            )
        )
        origins.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        clear(self._list)
        for origin in self._origins.refused:
            self._list.addLayout(self._row(origin))
        if not self._origins.refused:
            self._list.addWidget(label(self.tr("None so far."), "muted"))

    def _row(self, origin: str) -> QHBoxLayout:
        line = row(spacing=8)
        line.addWidget(ElidedLabel(origin, "strong"), 1)
        if not can_be_allowed(origin):
            line.addWidget(label(advice(origin), "small"))
        for one in decision_buttons(self._origins, origin):
            line.addWidget(one)
        name = self.tr("Take {0} off the list").format(origin)
        line.addWidget(icon_button("close", name, partial(self._origins.forget, origin)))
        return line
