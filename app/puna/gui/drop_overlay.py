"""Says what a drop will do while files hover over the window."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from puna.gui.controls import column, label, row, themed_icon


class DropOverlay(QFrame):
    """Lies over its parent; hidden until :meth:`cover`."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._area = parent
        self.setObjectName("dropTarget")
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        image = QLabel()
        image.setPixmap(themed_icon("download", "accent").pixmap(48, 48))
        text = label(
            self.tr(
                "Drop a GGUF file or Modelfile to create a model, other files to ask about them"
            ),
            "section",
        )
        self.setLayout(column(1, row(1, image, 1), row(1, text, 1), 1, spacing=12))
        self.hide()

    def cover(self) -> None:
        """Show over the whole parent."""
        self.setGeometry(self._area.rect().adjusted(16, 16, -16, -16))
        self.show()
        self.raise_()
