"""The settings page."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from puna.errors import PunaError
from puna.gui.controls import button, clear, column, frame, label, row
from puna.gui.page import Page
from puna.gui.settings.general_view import GeneralView
from puna.gui.settings.row_view import SettingRow
from puna.gui.settings.rows import GROUPS
from puna.gui.settings.view_model import SettingsViewModel
from puna.gui.wording import fault


class SettingsView(QWidget):
    """The window's own choices, the server's settings, and a bar that applies changes."""

    def __init__(self, view_model: SettingsViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self._rows: dict[str, SettingRow] = {}
        self._groups: QVBoxLayout = column(spacing=14)
        self._count: QLabel = label("", "strong")
        self._note: QLabel = label("", "muted", wrap=True)
        self._apply = button(self.tr("Apply"), view_model.apply, role="primary")
        self._bar = self._make_bar()
        page = self._make_page()
        self.setFocusProxy(page)
        self.setLayout(column(page, self._bar, spacing=0))
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
            self._note,
            GeneralView(self._view_model.preferences, self._view_model.login),
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
                self._groups.addWidget(self._card(title, names))

    def _card(self, title: str, names: list[str]) -> QFrame:
        layout = column(label(title, "section"), margins=16, spacing=0)
        for place, name in enumerate(names):
            if place:
                layout.addWidget(frame("divider"))
            line = SettingRow(self._view_model.rows[name])
            line.edited.connect(partial(self._view_model.stage, name))
            line.reset_wanted.connect(partial(self._view_model.reset, name))
            self._rows[name] = line
            layout.addWidget(line)
        return frame("card", layout)

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
