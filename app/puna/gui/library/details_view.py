"""All about one model, beside the table."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFormLayout, QFrame, QPlainTextEdit, QTabWidget, QVBoxLayout, QWidget

from puna.gui.catalogue import LoadedModel
from puna.gui.controls import (
    CopyButton,
    ElidedLabel,
    button,
    clear,
    column,
    icon_button,
    label,
    mono_font,
    row,
)
from puna.gui.library.view_model import Details, LibraryViewModel
from puna.gui.wording import size


class DetailsView(QFrame):
    """Facts, texts and what can be done with the selected model.

    Signals:
        chat_wanted, edit_wanted: name of the model; edit opens its Modelfile text.
        copy_wanted, rename_wanted: ask for a name first.
    """

    chat_wanted = Signal(str)
    edit_wanted = Signal(str, str)
    copy_wanted = Signal(str)
    rename_wanted = Signal(str)

    def __init__(self, view_model: LibraryViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self.setObjectName("panelRight")
        self.setMinimumWidth(300)
        self._body = column(spacing=12)
        self._body.setContentsMargins(18, 16, 18, 16)
        self.setLayout(self._body)
        view_model.details_changed.connect(self._draw)
        view_model.session.loaded_changed.connect(self._draw_if_moved)
        self._was_loaded = False
        self._draw()

    def _draw_if_moved(self) -> None:
        details = self._view_model.details
        if details is not None and self._loaded(details) != self._was_loaded:
            self._draw()

    def _loaded(self, details: Details) -> bool:
        return self._view_model.loaded(details.name) is not None

    def _draw(self) -> None:
        clear(self._body)
        details = self._view_model.details
        self.setVisible(details is not None)
        if details is None:
            return
        self._was_loaded = self._loaded(details)
        close = icon_button("close", self.tr("Close details"), lambda: self._view_model.select(""))
        self._body.addLayout(row(ElidedLabel(details.name, "section"), close))
        self._body.addLayout(self._actions(details))
        self._body.addLayout(self._facts(details))
        if details.modelfile:
            self._body.addWidget(self._texts(details), 1)
        else:
            self._body.addStretch(1)

    def _actions(self, details: Details) -> QVBoxLayout:
        name = details.name
        chat = button(
            self.tr("Chat"), lambda: self.chat_wanted.emit(name), role="primary", picture="chat"
        )
        if self._was_loaded:
            memory = button(
                self.tr("Unload"), lambda: self._view_model.unload(name), picture="eject"
            )
        else:
            memory = button(self.tr("Load"), lambda: self._view_model.load(name), picture="power")
        more = row(
            icon_button(
                "create",
                self.tr("Open as Modelfile"),
                lambda: self.edit_wanted.emit(name, details.modelfile),
            ),
            icon_button("copy", self.tr("Copy model…"), lambda: self.copy_wanted.emit(name)),
            icon_button("edit", self.tr("Rename…"), lambda: self.rename_wanted.emit(name)),
            icon_button(
                "trash",
                self.tr("Delete model"),
                lambda: self._view_model.remove(name),
                token="danger",
            ),
            1,
            spacing=2,
        )
        return column(row(chat, memory, 1), more, spacing=6)

    def _facts(self, details: Details) -> QFormLayout:
        form = QFormLayout()
        form.setLabelAlignment(Qt.AlignmentFlag.AlignLeading)
        form.setHorizontalSpacing(18)
        form.setVerticalSpacing(6)
        titles = {
            "architecture": self.tr("Architecture"),
            "parameters": self.tr("Parameters"),
            "quantization": self.tr("Quantisation"),
            "context": self.tr("Context length"),
            "embedding": self.tr("Embedding length"),
            "capabilities": self.tr("Can do"),
        }
        for key, value in details.facts:
            form.addRow(label(titles[key], "muted"), label(value, wrap=True))
        loaded = self._view_model.loaded(details.name)
        if loaded is not None:
            form.addRow(label(self.tr("Memory"), "muted"), label(self._memory(loaded)))
        return form

    def _memory(self, loaded: LoadedModel) -> str:
        where = self.tr("{0} % on GPU").format(loaded.gpu_share) if loaded.memory_gpu else "CPU"
        return f"{size(loaded.memory)}  ·  {where}"

    def _texts(self, details: Details) -> QTabWidget:
        tabs = QTabWidget()
        tabs.setAccessibleName(self.tr("Texts of the model"))
        tabs.setDocumentMode(True)
        for title, text in (
            (self.tr("Modelfile"), details.modelfile),
            (self.tr("Template"), details.template),
            (self.tr("System"), details.system),
            (self.tr("Parameters"), details.parameters),
            (self.tr("License"), details.license),
        ):
            if text.strip():
                tabs.addTab(self._text(title, text), title)
        return tabs

    def _text(self, title: str, text: str) -> QWidget:
        field = QPlainTextEdit(text)
        field.setReadOnly(True)
        field.setAccessibleName(title)
        field.setTabChangesFocus(True)
        mono_font(field)
        field.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
        copy = CopyButton(self.tr("Copy {0}").format(title), lambda: text)
        holder = QWidget()
        holder.setLayout(column(row(1, copy), field, spacing=2))
        return holder
