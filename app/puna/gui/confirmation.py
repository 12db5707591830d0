"""A question before something that cannot be undone."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from puna.gui.controls import give_role


def confirm(
    window: QWidget, question: str, details: str, answer: str, do: Callable[[], object]
) -> None:
    """Ask; ``do`` is called when the user chooses the button ``answer``."""
    box = QMessageBox(window)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle("Puna")
    box.setText(question)
    box.setInformativeText(details)
    yes = box.addButton(answer, QMessageBox.ButtonRole.DestructiveRole)
    give_role(yes, "danger")
    box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
    yes.clicked.connect(lambda: do())
    box.open()
