"""The window's own choices: language, theme, closing, login, Enter."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QCheckBox, QComboBox, QWidget

from puna.gui.controls import frame, label, row
from puna.gui.language import LANGUAGES
from puna.gui.preferences import ZOOMS, Preferences
from puna.gui.settings.card import SettingsCard
from puna.gui.settings.view_model import LoginStart


class GeneralView(SettingsCard):
    """In force at once; nothing to apply."""

    def __init__(
        self, preferences: Preferences, login: LoginStart, parent: QWidget | None = None
    ) -> None:
        super().__init__(self.tr("General"), parent)
        self._preferences = preferences
        choices = preferences.choices
        languages = {"system": self.tr("As the system")} | LANGUAGES
        themes = {
            "system": self.tr("As the system"),
            "light": self.tr("Light"),
            "dark": self.tr("Dark"),
        }
        closings = {
            "ask": self.tr("Ask"),
            "hide": self.tr("Keep running in the background"),
            "quit": self.tr("Quit"),
        }
        lines: list[tuple[str, QWidget]] = [
            (self.tr("Language"), self._choice("language", languages, choices.language)),
            (self.tr("Theme"), self._choice("theme", themes, choices.theme)),
            (self.tr("Text size"), self._zoom(choices.zoom)),
            (self.tr("Closing the window"), self._choice("close", closings, choices.close)),
            (self.tr("Enter sends the message"), self._enter()),
            (self.tr("Start at login"), self._login(login)),
        ]
        for title, control in lines:
            control.setAccessibleName(title)
            line = row(label(title, "strong"), 1, control)
            line.setContentsMargins(0, 8, 0, 8)
            self.add(frame("clear", line), title)

    def _choice(self, field: str, options: dict[str, str], chosen: str) -> QComboBox:
        box = QComboBox()
        box.setFixedWidth(280)
        for value, text in options.items():
            box.addItem(text, value)
        keys = list(options)
        box.setCurrentIndex(keys.index(chosen) if chosen in keys else 0)
        box.activated.connect(partial(self._choose, field, keys))
        return box

    def _zoom(self, chosen: int) -> QComboBox:
        box = QComboBox()
        box.setFixedWidth(280)
        box.addItems([f"{zoom} %" for zoom in ZOOMS])
        box.setCurrentIndex(ZOOMS.index(chosen) if chosen in ZOOMS else ZOOMS.index(100))
        box.activated.connect(lambda place: self._preferences.change(zoom=ZOOMS[place]))
        return box

    def _choose(self, field: str, keys: list[str], index: int) -> None:
        self._preferences.change(**{field: keys[index]})

    def _enter(self) -> QCheckBox:
        box = QCheckBox()
        box.setChecked(self._preferences.choices.enter_sends)
        box.toggled.connect(lambda on: self._preferences.change(enter_sends=on))
        return box

    def _login(self, login: LoginStart) -> QCheckBox:
        box = QCheckBox()
        box.setChecked(login.is_on())
        box.toggled.connect(login.switch)
        return box
