"""The button that says which model answers, and its menu."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from puna.gui.catalogue import InstalledModel
from puna.gui.controls import themed_icon
from puna.gui.session import Session
from puna.gui.wording import size


class ModelPicker(QToolButton):
    """Shows the chosen model; its menu lists all that can chat.

    Signals:
        chosen: name of a model.
        more_wanted: the user looks for models that are not installed.
    """

    chosen = Signal(str)
    more_wanted = Signal()

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self._name = ""
        self.setProperty("role", "picker")
        self.setAccessibleName(self.tr("Model"))
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextOnly)
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        menu = QMenu(self)
        menu.aboutToShow.connect(self._fill)
        self.setMenu(menu)

    def show_model(self, name: str) -> None:
        """Show ``name`` as the chosen one."""
        self._name = name
        self.setText(name or self.tr("Choose a model"))
        self.setAccessibleDescription(self.text())

    def _fill(self) -> None:
        menu = self.menu()
        menu.clear()
        for model in self._session.models:
            if model.can_chat:
                menu.addAction(self._action(model, menu))
        if menu.isEmpty():
            menu.addAction(self.tr("No model installed")).setEnabled(False)
        menu.addSeparator()
        menu.addAction(themed_icon("download"), self.tr("Get more models…"), self.more_wanted.emit)

    def _action(self, model: InstalledModel, menu: QMenu) -> QAction:
        facts = [fact for fact in (size(model.size), model.quantization) if fact]
        if model.is_tiny:
            facts.append(self.tr("tiny, only for trying"))
        if self._session.loaded_model(model.name):
            facts.append(self.tr("loaded"))
        action = QAction(f"{model.name}\t{'  ·  '.join(facts)}", menu)
        if model.name == self._name:
            action.setIcon(themed_icon("check", "accent"))
        action.triggered.connect(lambda: self.chosen.emit(model.name))
        return action
