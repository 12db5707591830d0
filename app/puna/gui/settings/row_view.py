"""One setting: its name, control, origin and when it applies."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QCheckBox, QComboBox, QFileDialog, QFrame, QLabel, QLineEdit, QWidget

from puna.gui.controls import column, icon_button, label, row
from puna.gui.settings.rows import Row, hint, text_of, title

_CONTROL_WIDTH = 280


class SettingRow(QFrame):
    """Shows a :class:`Row` and what the user makes of it.

    Signals:
        edited: the value typed or chosen.
        reset_wanted: take the setting back to its default.
    """

    edited = Signal(object)
    reset_wanted = Signal()

    def __init__(self, item: Row, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("clear")
        self._row = item
        self._problem: QLabel = label("", "danger", wrap=True)
        self._problem.setVisible(False)
        self._control = self._make_control()
        self._control.setAccessibleName(title(item.name))
        self._control.setAccessibleDescription(hint(item.name))
        self._control.setEnabled(not item.locked)
        badges = row(label(title(item.name), "strong"), *self._badges(), 1, spacing=8)
        words = column(badges, label(hint(item.name), "small", wrap=True), spacing=2)
        self._side = row(1, spacing=4)
        self._side.addWidget(self._control, 0 if item.kind == "flag" else 100)
        self._add_folder_button()
        line = row(spacing=20)
        line.addLayout(words, 3)
        line.addLayout(self._side, 2)
        layout = column(line, self._problem, spacing=4)
        layout.setContentsMargins(0, 8, 0, 8)
        self.setLayout(layout)

    def show_problem(self, text: str) -> None:
        """Say why the value cannot be used; empty says nothing."""
        self._problem.setText(text)
        self._problem.setVisible(bool(text))
        self._control.setProperty("fault", bool(text))
        self._control.style().unpolish(self._control)
        self._control.style().polish(self._control)

    def _badges(self) -> list[QWidget]:
        item = self._row
        origins = {
            "command line": self.tr("command line"),
            "environment": item.env,
            "file": self.tr("changed"),
            "default": self.tr("default"),
        }
        origin = label(origins.get(item.origin, item.origin), "badge")
        if item.locked:
            origin.setProperty("role", "badgeWarning")
            origin.setToolTip(self.tr("Set by {0}; it can only be changed there.").format(item.env))
        elif item.origin == "file":
            origin.setProperty("role", "badgeAccent")
        badges: list[QWidget] = [origin]
        if item.applies == "restart":
            badges.append(label(self.tr("needs restart"), "badge"))
        elif item.applies == "load":
            badges.append(label(self.tr("next load"), "badge"))
        if item.origin == "file":
            name = self.tr("Reset {0} to its default").format(title(item.name))
            badges.append(icon_button("undo", name, self.reset_wanted.emit, size=14))
        return badges

    def _add_folder_button(self) -> None:
        if self._row.kind == "folder" and not self._row.locked:
            choose = icon_button("folder", self.tr("Choose a folder"), self._choose_folder)
            self._side.addWidget(choose)

    def _make_control(self) -> QWidget:
        match self._row.kind:
            case "flag":
                return self._make_flag()
            case "choice":
                return self._make_choice()
            case _:
                return self._make_field()

    def _make_flag(self) -> QCheckBox:
        box = QCheckBox()
        box.setChecked(bool(self._row.value))
        box.toggled.connect(lambda on: self.edited.emit(on))
        return box

    def _make_choice(self) -> QComboBox:
        box = QComboBox()
        options = self._options()
        values = list(options)
        box.addItems(list(options.values()))
        box.setCurrentIndex(values.index(self._row.value) if self._row.value in values else 0)
        box.currentIndexChanged.connect(lambda index: self.edited.emit(values[index]))
        _limit(box)
        return box

    def _options(self) -> dict[Any, str]:
        """Values and their words; the first one leaves the choice to the server."""
        if self._row.choices:
            return {"": self.tr("Automatic"), **{text: text for text in self._row.choices}}
        return {None: self.tr("Automatic"), True: self.tr("On"), False: self.tr("Off")}

    def _make_field(self) -> QLineEdit:
        field = QLineEdit(text_of(self._row.value, self._row.kind))
        field.setPlaceholderText(text_of(self._row.default, self._row.kind))
        _limit(field)
        field.setLayoutDirection(Qt.LayoutDirection.LeftToRight)
        if self._row.name == "api_key":
            field.setEchoMode(QLineEdit.EchoMode.Password)
        field.textEdited.connect(lambda text: self.edited.emit(text))
        return field

    def _choose_folder(self) -> None:
        dialog = QFileDialog(self, title(self._row.name), text_of(self._row.value, self._row.kind))
        dialog.setFileMode(QFileDialog.FileMode.Directory)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(self._take_folder)
        dialog.open()

    def _take_folder(self, folder: str) -> None:
        assert isinstance(self._control, QLineEdit)
        self._control.setText(folder)
        self.edited.emit(folder)


def _limit(control: QWidget) -> None:
    control.setMinimumWidth(_CONTROL_WIDTH // 2)
    control.setMaximumWidth(_CONTROL_WIDTH)
