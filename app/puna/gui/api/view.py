"""The API page."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import TypeVar

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QToolButton,
    QWidget,
)

from puna.errors import PunaError
from puna.gui.api.origins_card import OriginsCard
from puna.gui.api.snippets import Dialect, Language
from puna.gui.api.view_model import ApiViewModel
from puna.gui.chat.code_block import CodeText
from puna.gui.controls import CopyButton, button, column, frame, label, row
from puna.gui.page import Page
from puna.gui.server_state import ServerState
from puna.gui.wording import fault, number

E = TypeVar("E", bound=Enum)


class ApiView(Page):
    """Address, examples, test and refused web pages."""

    def __init__(self, view_model: ApiViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self._state: QLabel = label("", "muted")
        self._start = button(self.tr("Start"), view_model.server.start, picture="play")
        self._stop = button(self.tr("Stop"), view_model.server.stop, picture="stop")
        self._restart = button(self.tr("Restart"), view_model.server.restart, picture="refresh")
        self._address = QLineEdit()
        self._address.setReadOnly(True)
        self._address.setAccessibleName(self.tr("API address"))
        self._code = CodeText(self.tr("Example"))
        self._test = button(self.tr("Test"), view_model.test, role="primary", picture="play")
        self._result: QLabel = label("", "muted", wrap=True)
        self._result.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._build()
        self._connect()
        self._show()
        self._show_state()

    def _build(self) -> None:
        self.fill(
            self.tr("API"),
            label(
                self.tr("Other programs on this computer can use your models at this address."),
                "muted",
                wrap=True,
            ),
            self._server_card(),
            self._example_card(),
            OriginsCard(self._view_model.origins),
        )

    def _server_card(self) -> QFrame:
        copy = CopyButton(self.tr("Copy API address"), self._address.text)
        inner = column(
            row(label(self.tr("Server"), "section"), self._state, 1, spacing=10),
            row(self._address, copy),
            row(self._start, self._stop, self._restart, 1),
            margins=16,
            spacing=10,
        )
        return frame("card", inner)

    def _example_card(self) -> QFrame:
        copy = CopyButton(self.tr("Copy example"), self._code.toPlainText)
        choices = row(
            self._segments(Dialect, self._view_model.dialect, self.tr("API style")),
            self._segments(Language, self._view_model.language, self.tr("Language")),
            1,
            copy,
            spacing=14,
        )
        code_layout = column(self._code)
        code_layout.setContentsMargins(14, 12, 14, 10)
        inner = column(
            label(self.tr("Example"), "section"),
            choices,
            frame("codeBlock", code_layout),
            row(self._test, 1),
            self._result,
            margins=16,
            spacing=10,
        )
        return frame("card", inner)

    def _segments(self, kinds: type[E], chosen: E, name: str) -> QWidget:
        line: QHBoxLayout = row(spacing=0)
        group = QButtonGroup(self)
        for kind in kinds:
            segment = QToolButton()
            segment.setText(kind.value)
            segment.setAccessibleName(f"{name}: {kind.value}")
            segment.setProperty("role", "segment")
            segment.setCheckable(True)
            segment.setChecked(kind is chosen)
            segment.clicked.connect(partial(self._choose, kind))
            group.addButton(segment)
            line.addWidget(segment)
        holder = QWidget()
        holder.setLayout(line)
        return holder

    def _choose(self, kind: Enum) -> None:
        if isinstance(kind, Dialect):
            self._view_model.choose(dialect=kind)
        elif isinstance(kind, Language):
            self._view_model.choose(language=kind)

    def _connect(self) -> None:
        view_model = self._view_model
        view_model.changed.connect(self._show)
        view_model.server.state_changed.connect(self._show_state)
        view_model.session.connection_changed.connect(self._show_state)
        view_model.tested.connect(self._show_answer)
        view_model.test_failed.connect(self._show_failure)
        view_model.busy_changed.connect(self._show_busy)

    def _show(self) -> None:
        view_model = self._view_model
        self._address.setText(view_model.url)
        self._code.show_code(view_model.snippet)
        self._code.color({"curl": "bash"}.get(view_model.language.value, view_model.language.value))
        self._test.setEnabled(bool(view_model.model) and view_model.session.is_connected)

    def _show_state(self) -> None:
        server = self._view_model.server
        words = {
            ServerState.STOPPED: self.tr("stopped"),
            ServerState.STARTING: self.tr("starting…"),
            ServerState.RUNNING: self.tr("running"),
            ServerState.STOPPING: self.tr("stopping…"),
            ServerState.FAILED: self.tr("failed: {0}").format(server.problem),
            ServerState.EXTERNAL: self.tr("another program's server, used as it is"),
        }
        self._state.setText(words[server.state])
        self._start.setVisible(server.state.can_start)
        self._stop.setVisible(server.state is ServerState.RUNNING)
        self._restart.setVisible(server.state is ServerState.RUNNING)

    def _show_busy(self, busy: bool) -> None:
        self._test.setEnabled(not busy)
        if busy:
            self._result.setText(self.tr("Waiting for the answer…"))

    def _show_answer(self, text: str, seconds: float) -> None:
        took = self.tr("Answered in {0} s:").format(number(seconds, 1))
        self._result.setText(f"{took} {text}")

    def _show_failure(self, error: PunaError) -> None:
        self._result.setText(fault(error))
