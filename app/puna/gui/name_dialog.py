"""Asks for a model name and says at once when it cannot be one."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QLineEdit, QWidget

from puna.gui.controls import column, label
from puna.gui.library.view_model import name_problem


class NameDialog(QDialog):
    """Does not block; :attr:`named` tells the name.

    Signals:
        named: a valid name was confirmed.
    """

    named = Signal(str)

    def __init__(self, title: str, question: str, name: str, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(title)
        self._field = QLineEdit(name)
        self._field.setAccessibleName(question)
        self._field.setMinimumWidth(320)
        self._field.selectAll()
        self._problem: QLabel = label("", "danger", wrap=True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        self._accept = buttons.button(QDialogButtonBox.StandardButton.Ok)
        self._accept.setProperty("role", "primary")
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        self.setLayout(
            column(label(question), self._field, self._problem, buttons, margins=20, spacing=10)
        )
        self._field.textChanged.connect(self._check)
        self.accepted.connect(lambda: self.named.emit(self._field.text().strip()))
        self._check()

    def _check(self) -> None:
        problem = name_problem(self._field.text())
        self._problem.setText(problem)
        self._accept.setEnabled(bool(self._field.text().strip()) and not problem)
