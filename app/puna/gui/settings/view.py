"""The settings page."""

from __future__ import annotations

from functools import partial

from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from puna.errors import PunaError
from puna.gui.controls import button, clear, column, frame, label, row, search_field
from puna.gui.page import Page
from puna.gui.settings.card import SettingsCard
from puna.gui.settings.general_view import GeneralView
from puna.gui.settings.row_view import SettingRow
from puna.gui.settings.rows import GROUPS, search_texts
from puna.gui.settings.view_model import SettingsViewModel
from puna.gui.wording import fault


class SettingsView(QWidget):
    """The window's own choices, the server's settings, and a bar that applies changes."""

    def __init__(self, view_model: SettingsViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self._rows: dict[str, SettingRow] = {}
        self._search = search_field(self.tr("Search settings"))
        self._general = GeneralView(view_model.preferences, view_model.login)
        self._cards: list[SettingsCard] = []
        self._nothing: QLabel = label(self.tr("No setting matches."), "muted")
        self._groups: QVBoxLayout = column(spacing=14)
        self._count: QLabel = label("", "strong")
        self._note: QLabel = label("", "muted", wrap=True)
        self._apply = button(self.tr("Apply"), view_model.apply, role="primary")
        self._bar = self._make_bar()
        page = self._make_page()
        self.setFocusProxy(page)
        self.setLayout(column(page, self._bar, spacing=0))
        self._search.textChanged.connect(self._show_matching)
        find = QShortcut(QKeySequence(QKeySequence.StandardKey.Find), self)
        find.activated.connect(self._search.setFocus)
        view_model.rows_changed.connect(self._show_rows)
        view_model.staged_changed.connect(self._show_staged)
        view_model.applied.connect(self._show_applied)
        view_model.failed.connect(self._show_failure)
        self._show_rows()
        self._show_staged()

    def _make_page(self) -> Page:
        page = Page()
        page.fill(
            self.tr("Settings"),
            self._search,
            self._note,
            self._nothing,
            self._general,
            self._groups,
        )
        return page

    def _make_bar(self) -> QFrame:
        line = row(
            self._count, 1, button(self.tr("Discard"), self._view_model.discard), self._apply
        )
        line.setContentsMargins(24, 10, 24, 10)
        return frame("strip", line)

    def _show_rows(self) -> None:
        clear(self._groups)
        self._rows.clear()
        self._cards = [self._general]
        self._note.setVisible(not self._view_model.rows)
        if not self._view_model.rows:
            self._note.setText(self.tr("The settings of Puna's server appear here while it runs."))
        for key, title in (
            ("server", self.tr("Server")),
            ("models", self.tr("Models")),
            ("performance", self.tr("Performance")),
            ("advanced", self.tr("Advanced")),
        ):
            names = [name for name in GROUPS[key] if name in self._view_model.rows]
            if names:
                card = self._card(title, names)
                self._cards.append(card)
                self._groups.addWidget(card)
        self._show_matching(self._search.text())

    def _show_matching(self, query: str) -> None:
        found = [card.show_matching(query) for card in self._cards]
        self._nothing.setVisible(not any(found))

    def _card(self, title: str, names: list[str]) -> SettingsCard:
        card = SettingsCard(title)
        for name in names:
            line = SettingRow(self._view_model.rows[name])
            line.edited.connect(partial(self._view_model.stage, name))
            line.reset_wanted.connect(partial(self._view_model.reset, name))
            self._rows[name] = line
            card.add(line, *search_texts(self._view_model.rows[name]))
        return card

    def _show_staged(self) -> None:
        view_model = self._view_model
        for name, line in self._rows.items():
            line.show_problem(view_model.problems.get(name, ""))
        self._bar.setVisible(bool(view_model.changes))
        self._count.setText(self.tr("%n change(s)", "", len(view_model.changes)))
        self._apply.setEnabled(view_model.can_apply)
        words = self.tr("Apply")
        if view_model.changes and view_model.needs_restart:
            words = self.tr("Apply and restart server")
        self._apply.setText(words)
        self._apply.setAccessibleName(words)

    def _show_applied(self, restart: bool) -> None:
        self._say(self.tr("Saved; the server restarts.") if restart else self.tr("Saved."))

    def _show_failure(self, error: PunaError) -> None:
        self._say(fault(error))

    def _say(self, text: str) -> None:
        self._note.setText(text)
        self._note.setVisible(True)
