"""What an empty chat shows: a word, some first questions, or how to get a model."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QLabel, QPushButton, QWidget

from puna.gui.chat.view_model import ChatViewModel
from puna.gui.controls import button, clear, column, label
from puna.gui.icons import picture


class Welcome(QFrame):
    """Fits itself to whether the server runs and a model is installed.

    Signals:
        models_wanted: go to the models page.
        prompt_chosen: put this text into the composer.
    """

    models_wanted = Signal()
    prompt_chosen = Signal(str)

    def __init__(self, view_model: ChatViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self.setObjectName("page")
        image = QLabel()
        image.setPixmap(picture("puna").pixmap(72, 72))
        image.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._title: QLabel = label("", "title")
        self._title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text: QLabel = label("", "muted", wrap=True)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._actions = column(spacing=8)
        self.setLayout(
            column(2, image, self._title, self._text, self._actions, 3, margins=24, spacing=12)
        )
        view_model.session.models_changed.connect(self._show)
        view_model.session.connection_changed.connect(self._show)
        view_model.server.state_changed.connect(self._show)
        self._show()

    def _show(self) -> None:
        clear(self._actions)
        server = self._view_model.server
        if server.state.can_start:
            self._title.setText(self.tr("The server is not running"))
            self._text.setText(server.problem or self.tr("Models answer while it runs."))
            self._add(
                button(self.tr("Start server"), server.start, role="primary", picture="power")
            )
        elif self._view_model.session.models:
            self._title.setText(self.tr("What would you like to talk about?"))
            self._text.setText(self.tr("Everything stays on this computer."))
            for prompt in self._prompts():
                self._add(button(prompt, partial(self.prompt_chosen.emit, prompt)))
        elif not self._view_model.session.is_connected:
            self._title.setText(self.tr("Puna"))
            self._text.setText(self.tr("Waiting for the server…"))
        else:
            self._title.setText(self.tr("Welcome to Puna"))
            self._text.setText(
                self.tr("To begin, get a model: pull one by name, or drop a GGUF file here.")
            )
            self._add(
                button(
                    self.tr("Get a model"),
                    self.models_wanted.emit,
                    role="primary",
                    picture="download",
                )
            )

    def _prompts(self) -> tuple[str, ...]:
        return (
            self.tr("Explain how rainbows form, in three sentences."),
            self.tr("Write a short, friendly reminder to water the plants."),
            self.tr("Give me a Python function that counts words in a text."),
        )

    def _add(self, widget: QPushButton) -> None:
        self._actions.addWidget(widget, 0, Qt.AlignmentFlag.AlignCenter)
