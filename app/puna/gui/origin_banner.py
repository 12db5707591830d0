"""The banner above the page: a web page asks to use the models."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from puna.gui.controls import (
    ElidedLabel,
    clear,
    column,
    frame,
    icon_button,
    label,
    row,
    themed_icon,
)
from puna.gui.origin_buttons import advice, decision_buttons, request_text
from puna.gui.origins import Origins


class OriginBanner(QFrame):
    """One request at a time, the oldest first; hidden while there is none."""

    def __init__(self, origins: Origins, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._origins = origins
        self._shown: tuple[str, int] | None = None
        self.setObjectName("clear")
        self._line = column(margins=12, spacing=8)
        self.setLayout(column(frame("bannerWarning", self._line), margins=12))
        origins.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        asking = self._origins.asking
        shown = (asking[0], len(asking)) if asking else None
        if shown != self._shown:
            self._shown = shown
            clear(self._line)
            if shown is not None:
                self._fill(*shown)
        self.setVisible(shown is not None)

    def _fill(self, origin: str, count: int) -> None:
        image = QLabel()
        image.setPixmap(themed_icon("warning", "warning").pixmap(QSize(22, 22)))
        title = ElidedLabel(request_text(origin), "strong")
        head = row(image, spacing=10)
        head.addWidget(title, 1)
        if count > 1:
            head.addWidget(label(self.tr("%n more wait(s)", "", count - 1), "badgeWarning"))
        later = partial(self._origins.postpone, origin)
        head.addWidget(icon_button("close", self.tr("Decide later"), later))
        self._line.addLayout(head)
        foot = row(spacing=8)
        foot.setContentsMargins(32, 0, 0, 0)
        foot.addWidget(label(advice(origin), "small", wrap=True), 1)
        for one in decision_buttons(self._origins, origin):
            foot.addWidget(one)
        self._line.addLayout(foot)
        self.setAccessibleName(request_text(origin))
