"""The page of suggestions: a card for each model of the catalogue."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QScrollArea, QWidget

from puna.gui.controls import ElidedLabel, Shrinkable, button, clear, column, label, row
from puna.gui.library.offers import Offer, Offers
from puna.gui.wording import ability


class OffersView(QScrollArea):
    """Drawn anew when a model came, went or is on its way."""

    def __init__(self, offers: Offers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._offers = offers
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list = column(spacing=8)
        self._list.setContentsMargins(10, 0, 10, 8)
        body = Shrinkable()
        body.setObjectName("page")
        body.setLayout(self._list)
        self.setWidget(body)
        offers.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        clear(self._list)
        note = self.tr(
            "Well-known models of Ollama’s library, with about their sizes and what this computer "
            "would make of them. The internet is asked only when you pull one."
        )
        self._list.addWidget(label(note, "small", wrap=True))
        for offer in self._offers.models:
            self._list.addWidget(self._card(offer))
        self._list.addStretch(1)

    def _card(self, offer: Offer) -> QFrame:
        head = row(label(offer.name, "strong"), label(offer.parameters, "badge"), spacing=8)
        for capability in offer.capabilities:
            if capability != "completion":
                head.addWidget(label(ability(capability), "badgeAccent"))
        head.addStretch(1)
        terms = self.tr("licence {0}").format(offer.license)
        facts = f"{offer.outlook.words()}  ·  {terms}"
        role = "warning" if offer.outlook.is_doubtful else "small"
        line = row(margins=10, spacing=12)
        line.addLayout(column(head, ElidedLabel(facts, role), spacing=4), 1)
        line.addWidget(self._action(offer))
        card = QFrame()
        card.setObjectName("cardSoft")
        card.setLayout(line)
        return card

    def _action(self, offer: Offer) -> QWidget:
        if self._offers.is_here(offer):
            return label(self.tr("installed"), "muted")
        if self._offers.is_coming(offer):
            return label(self.tr("downloading"), "muted")
        pull = button(self.tr("Pull"), partial(self._offers.pull, offer), picture="download")
        pull.setAccessibleName(self.tr("Pull {0}").format(offer.name))
        return pull
