"""The line at the bottom of the window: server, loaded models, downloads."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from puna.gui.controls import ElidedLabel, button, label, row
from puna.gui.icons import picture
from puna.gui.status import status_of
from puna.gui.wording import size
from puna.gui.workspace import Workspace


class StatusStrip(QFrame):
    """Says the same as the tray's first line, and starts a server that does not run."""

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("strip")
        self._workspace = workspace
        self._image = QLabel()
        self._text = ElidedLabel("", "small")
        self._memory: QLabel = label("", "small")
        self._start = button(self.tr("Start server"), workspace.server.start, role="link")
        layout = row(self._image, spacing=8)
        layout.addWidget(self._text, 1)
        layout.addWidget(self._start)
        layout.addWidget(self._memory)
        layout.setContentsMargins(14, 4, 14, 4)
        self.setLayout(layout)
        for signal in (
            workspace.server.state_changed,
            workspace.session.loaded_changed,
            workspace.session.connection_changed,
            workspace.pulls.listed,
            workspace.pulls.progressed,
            workspace.chat.stage_changed,
            workspace.origins.changed,
        ):
            signal.connect(self.redraw)
        self.redraw()

    def redraw(self) -> None:
        """Show what is true now."""
        status = status_of(self._workspace)
        self._image.setPixmap(picture(f"tray-{status.icon}").pixmap(QSize(18, 18)))
        self._text.show_text(status.text)
        loaded = self._workspace.session.loaded
        self._memory.setText(
            "   ".join(f"{model.name}  ·  {size(model.memory)}" for model in loaded)
        )
        self._start.setVisible(self._workspace.server.state.can_start)
