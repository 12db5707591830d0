"""The foot of the models page: unfinished downloads and unused files."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFrame, QWidget

from puna.gui.confirmation import confirm
from puna.gui.controls import ElidedLabel, button, column, icon_button, label, row
from puna.gui.library.card_list import CardList
from puna.gui.library.leftovers import Leftovers, Unfinished
from puna.gui.wording import moment, size


class LeftoversView(CardList):
    """One card for each unfinished download and one for all unused files."""

    def __init__(self, leftovers: Leftovers, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._leftovers = leftovers
        leftovers.changed.connect(self._draw)
        self._draw()

    def _draw(self) -> None:
        cards = [self._download(one) for one in self._leftovers.downloads]
        if self._leftovers.unused_files:
            cards.append(self._unused())
        self.show_cards(cards)

    def _download(self, one: Unfinished) -> QFrame:
        name = one.model or self.tr("Unfinished download of an unknown model")
        facts = self.tr("{0} of {1} have arrived").format(size(one.completed), size(one.size))
        buttons: list[QWidget] = []
        if one.model:
            resume = self.tr("Resume the download of {0}").format(one.model)
            buttons.append(icon_button("play", resume, partial(self._leftovers.resume, one)))
        delete = self.tr("Delete what has arrived of {0}").format(name)
        buttons.append(icon_button("trash", delete, partial(self._ask_forget, one)))
        return _card(name, f"{facts}  ·  {moment(one.modified)}", *buttons)

    def _unused(self) -> QFrame:
        files = self.tr("%n unused file(s)", "", self._leftovers.unused_files)
        facts = self.tr("{0} that no model needs").format(size(self._leftovers.unused_size))
        return _card(files, facts, button(self.tr("Delete…"), self._ask_remove, picture="trash"))

    def _ask_forget(self, one: Unfinished) -> None:
        confirm(
            self,
            self.tr("Delete the unfinished download?"),
            self.tr("{0} have arrived and would have to be downloaded again.").format(
                size(one.completed)
            ),
            self.tr("Delete"),
            partial(self._leftovers.forget, one),
        )

    def _ask_remove(self) -> None:
        confirm(
            self,
            self.tr("Delete all files that no model needs?"),
            self.tr("This frees {0}. Installed models stay as they are.").format(
                size(self._leftovers.unused_size)
            ),
            self.tr("Delete"),
            self._leftovers.remove_unused,
        )


def _card(title: str, facts: str, *buttons: QWidget) -> QFrame:
    card = QFrame()
    card.setObjectName("cardSoft")
    words = column(row(ElidedLabel(title, "strong")), label(facts, "small"), spacing=2)
    line = row(margins=10, spacing=4)
    line.addLayout(words, 1)
    for one in buttons:
        line.addWidget(one)
    card.setLayout(line)
    return card
