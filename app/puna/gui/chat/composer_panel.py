"""The composer with its attachments and buttons."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QImage, QPixmap
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLabel, QWidget

from puna.gui.chat.composer import ComposerText, png_bytes
from puna.gui.chat.text_file import TextFile, read_text
from puna.gui.chat.view_model import ChatViewModel
from puna.gui.controls import (
    ElidedLabel,
    clear,
    column,
    frame,
    icon_button,
    label,
    row,
    themed_icon,
)

_DRAFT_PAUSE_MS = 600
_CHIP = 36
_MIDDLE = Qt.TextElideMode.ElideMiddle
_WIDEST_NAME = 180


class ComposerPanel(QFrame):
    """Text, attachments, Send and Stop."""

    def __init__(self, view_model: ChatViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self.setObjectName("composer")
        self.text = ComposerText()
        self.text.setAccessibleName(self.tr("Message"))
        self.text.setPlaceholderText(self.tr("Write a message…"))
        self._editing = -1
        self._chips: QHBoxLayout = row(spacing=6)
        self._attach = icon_button("plus", self.tr("Attach a file"), self._choose_files)
        self._hint = ElidedLabel("", "small")
        self._send = icon_button(
            "send", self.tr("Send"), self.submit, role="send", token="accent_text"
        )
        self._stop = icon_button(
            "stop", self.tr("Stop (Esc)"), view_model.stop, role="send", token="accent_text"
        )
        buttons = row(self._attach, spacing=6)
        buttons.addWidget(self._hint, 1)
        buttons.addWidget(self._send)
        buttons.addWidget(self._stop)
        layout = column(self._chips, self.text, buttons, spacing=4)
        layout.setContentsMargins(14, 10, 10, 8)
        self.setLayout(layout)
        self._draft_timer = QTimer(self)
        self._draft_timer.setSingleShot(True)
        self._draft_timer.setInterval(_DRAFT_PAUSE_MS)
        self._connect()
        self.show_draft()
        self.show_state()

    def submit(self) -> None:
        """Send what is written, or the edited question."""
        text = self.text.toPlainText()
        if self._view_model.is_busy or not text.strip() or not self._view_model.chat.model:
            return
        self._draft_timer.stop()
        self.text.clear()
        if self._editing >= 0:
            index, self._editing = self._editing, -1
            self._view_model.edit(index, text)
        else:
            self._view_model.send(text)
        self.show_state()

    def edit(self, index: int) -> None:
        """Put a question back to be sent in other words."""
        self._editing = index
        self.text.setPlainText(self._view_model.messages[index].content)
        self.text.setFocus()
        self.text.moveCursor(self.text.textCursor().MoveOperation.End)
        self.show_state()

    def edit_last(self) -> None:
        """Edit the last question."""
        questions = [i for i, m in enumerate(self._view_model.messages) if m.role == "user"]
        if questions and not self._view_model.is_busy:
            self.edit(questions[-1])

    def cancel_edit(self) -> bool:
        """Leave the editing of a question; whether one was edited."""
        if self._editing < 0:
            return False
        self._editing = -1
        self.text.clear()
        self.show_state()
        return True

    def show_draft(self) -> None:
        """Show what was typed in this chat before."""
        self._editing = -1
        self.text.setPlainText(self._view_model.chat.draft)
        self.text.moveCursor(self.text.textCursor().MoveOperation.End)

    def show_state(self) -> None:
        """Fit buttons and hints to what is possible now."""
        view_model = self._view_model
        self.text.enter_sends = view_model.preferences.choices.enter_sends
        self._send.setVisible(not view_model.is_busy)
        self._stop.setVisible(view_model.is_busy)
        self._send.setEnabled(bool(self.text.toPlainText().strip() and view_model.chat.model))
        self._hint.show_text(self.tr("Editing – Esc to cancel") if self._editing >= 0 else "")

    def attach_files(self, files: list[Path]) -> None:
        """Attach pictures and text files by path, and say which is neither."""
        for file in files:
            image = QImage(str(file))
            text = read_text(file) if image.isNull() else None
            if not image.isNull():
                self._give(png_bytes(image))
            elif text is not None:
                self._view_model.attach_file(text)
            else:
                self._hint.show_text(
                    self.tr("{0} is no picture, and no text of up to 1 MB").format(file.name)
                )

    def _connect(self) -> None:
        self.text.submitted.connect(self.submit)
        self.text.image_given.connect(self._give)
        self.text.edit_last_wanted.connect(self.edit_last)
        self.text.textChanged.connect(self.show_state)
        self.text.textChanged.connect(self._draft_timer.start)
        self._draft_timer.timeout.connect(self._keep_draft)
        self._view_model.attachments_changed.connect(self._show_chips)
        self._view_model.stage_changed.connect(self.show_state)
        self._view_model.chat_changed.connect(self.show_state)
        self._view_model.opened.connect(self.show_draft)

    def _keep_draft(self) -> None:
        if self._editing < 0:
            self._view_model.set_draft(self.text.toPlainText())

    def _give(self, image: bytes) -> None:
        if self._view_model.sees_images:
            self._view_model.attach(image)
        else:
            self._hint.show_text(self.tr("This model does not see pictures"))

    def _choose_files(self) -> None:
        dialog = QFileDialog(self, self.tr("Attach text files or pictures"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setFileMode(QFileDialog.FileMode.ExistingFiles)
        dialog.filesSelected.connect(lambda names: self.attach_files([Path(n) for n in names]))
        dialog.open()

    def _show_chips(self) -> None:
        clear(self._chips)
        for index, image in enumerate(self._view_model.images):
            self._chips.addWidget(self._picture_chip(index, image))
        for index, file in enumerate(self._view_model.files):
            self._chips.addWidget(self._file_chip(index, file))
        self._chips.addStretch(1)

    def _file_chip(self, index: int, file: TextFile) -> QFrame:
        image = QLabel()
        image.setPixmap(themed_icon("file").pixmap(18, 18))
        name = label(self.fontMetrics().elidedText(file.name, _MIDDLE, _WIDEST_NAME))
        name.setToolTip(file.name)
        remove = icon_button("close", self.tr("Remove {0}").format(file.name), size=12)
        remove.clicked.connect(lambda: self._view_model.detach_file(index))
        return frame("chip", row(image, name, remove, margins=4, spacing=4))

    def _picture_chip(self, index: int, image: bytes) -> QFrame:
        picture = QLabel()
        pixmap = QPixmap()
        pixmap.loadFromData(image)
        picture.setPixmap(
            pixmap.scaled(_CHIP, _CHIP, Qt.AspectRatioMode.KeepAspectRatioByExpanding)
        )
        remove = icon_button("close", self.tr("Remove picture"), size=12)
        remove.clicked.connect(lambda: self._view_model.detach(index))
        return frame("chip", row(picture, remove, margins=4, spacing=2))
