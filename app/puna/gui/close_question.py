"""What closing the window shall mean, asked once."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt
from PySide6.QtWidgets import QMessageBox, QWidget

from puna.gui.controls import give_role
from puna.gui.icons import picture


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def ask_close(window: QWidget, decide: Callable[[str], None]) -> None:
    """Ask; ``decide`` gets ``hide`` or ``quit``, and nothing when the user cancels."""
    box = QMessageBox(window)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setIconPixmap(picture("puna").pixmap(48, 48))
    box.setWindowTitle("Puna")
    box.setText(tr("Keep Puna running in the background?"))
    box.setInformativeText(
        tr(
            "Other programs can go on using your models. Open Puna again from the tray or by "
            "starting it once more. The settings page can change this later."
        )
    )
    keep = box.addButton(tr("Keep running"), QMessageBox.ButtonRole.AcceptRole)
    give_role(keep, "primary")
    leave = box.addButton(tr("Quit"), QMessageBox.ButtonRole.DestructiveRole)
    box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(keep)
    keep.clicked.connect(lambda: decide("hide"))
    leave.clicked.connect(lambda: decide("quit"))
    box.open()
