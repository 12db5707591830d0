"""The chat page."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QLabel, QMessageBox, QSplitter, QStackedWidget, QWidget

from puna.errors import ModelNotFound, PunaError, ServerUnreachable
from puna.gui.chat.composer_panel import ComposerPanel
from puna.gui.chat.context_meter import ContextMeter
from puna.gui.chat.export import file_name
from puna.gui.chat.message_view import AnswerView, MessageView
from puna.gui.chat.model_picker import ModelPicker
from puna.gui.chat.records import State
from puna.gui.chat.sidebar import Sidebar
from puna.gui.chat.system_panel import SystemPanel
from puna.gui.chat.transcript import Transcript
from puna.gui.chat.view_model import ChatViewModel, Stage
from puna.gui.chat.welcome import Welcome
from puna.gui.controls import announce, button, column, frame, icon_button, label, row
from puna.gui.page import Page
from puna.gui.wording import fault, number

_SCHEMES = ("http", "https", "mailto")


class ChatView(QWidget):
    """Chats, the conversation and the composer.

    Signals:
        models_wanted: go to the models page.
        start_wanted: start the server.
    """

    models_wanted = Signal()
    start_wanted = Signal()

    def __init__(self, view_model: ChatViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self._picker = ModelPicker(view_model.session)
        self._tiny: QLabel = label(self.tr("tiny – only for trying"), "badgeWarning")
        self._system = SystemPanel(view_model)
        self._transcript = Transcript()
        self._welcome = Welcome(view_model)
        self._stack = QStackedWidget()
        welcome = Page()
        welcome.setWidget(self._welcome)
        self._stack.addWidget(welcome)
        self._stack.addWidget(self._transcript)
        self.composer = ComposerPanel(view_model)
        self._sidebar = Sidebar(view_model)
        self._build()
        self._connect()
        self._show_chat()
        self._show_messages()

    def focus_composer(self) -> None:
        """Put the cursor where the next message is written."""
        self.composer.text.setFocus()

    def focus_search(self) -> None:
        """Put the cursor into the search of chats."""
        self._sidebar.search.setFocus()

    def _build(self) -> None:
        view_model = self._view_model
        self._panel_button = icon_button(
            "sliders", self.tr("System prompt and options of this chat")
        )
        self._panel_button.setCheckable(True)
        self._panel_button.setChecked(self._system.isVisibleTo(self))
        header = row(
            self._picker, self._tiny, 1, ContextMeter(view_model), self._panel_button, spacing=10
        )
        header.setContentsMargins(16, 9, 12, 9)
        bottom = row(1, spacing=0)
        self.composer.setMaximumWidth(780)
        bottom.addWidget(self.composer, 100)
        bottom.addStretch(1)
        bottom.setContentsMargins(24, 0, 24, 16)
        layout = column(frame("header", header), self._system, self._stack, bottom, spacing=0)
        layout.setStretch(2, 1)
        conversation = frame("page", layout)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(self._sidebar)
        splitter.addWidget(conversation)
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        splitter.setSizes([230, 800])
        self.setLayout(column(splitter, spacing=0))

    def _connect(self) -> None:
        view_model = self._view_model
        self._picker.chosen.connect(view_model.choose_model)
        self._picker.more_wanted.connect(self.models_wanted)
        self._welcome.models_wanted.connect(self.models_wanted)
        self._welcome.prompt_chosen.connect(self._use_prompt)
        self._panel_button.toggled.connect(self._system.setVisible)
        self._transcript.view_added.connect(self._adopt)
        self._sidebar.export_wanted.connect(self._ask_file)
        view_model.opened.connect(self._show_messages)
        view_model.chat_changed.connect(self._show_chat)
        view_model.message_added.connect(self._add_message)
        view_model.message_changed.connect(self._redraw)
        view_model.text_appended.connect(self._append_text)
        view_model.thinking_appended.connect(self._append_thinking)
        view_model.stage_changed.connect(self._show_stage)
        for keys, action in (
            ("Ctrl+L", self.focus_composer),
            ("Esc", self._escape),
            ("Ctrl+R", view_model.regenerate),
        ):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def _escape(self) -> None:
        if not self.composer.cancel_edit():
            self._view_model.stop()

    def _use_prompt(self, text: str) -> None:
        self.composer.text.setPlainText(text)
        self.composer.text.setFocus()

    def _show_chat(self) -> None:
        model = self._view_model.session.model(self._view_model.chat.model)
        self._picker.show_model(self._view_model.chat.model)
        self._tiny.setVisible(model is not None and model.is_tiny)

    def _show_messages(self) -> None:
        self._transcript.show_messages(self._view_model.messages)
        self._show_stack()

    def _show_stack(self) -> None:
        self._stack.setCurrentIndex(1 if self._view_model.messages else 0)

    def _add_message(self, index: int) -> None:
        self._show_stack()
        if index == 0:
            self._transcript.show_messages(self._view_model.messages)
        else:
            self._transcript.add(self._view_model.messages[index])

    def _adopt(self, index: int, view: MessageView) -> None:
        view.switch_wanted.connect(partial(self._view_model.switch, index))
        view.edit_wanted.connect(partial(self.composer.edit, index))
        view.again_wanted.connect(partial(self._view_model.regenerate, index))
        view.more_wanted.connect(self._view_model.go_on)
        view.link_clicked.connect(self._ask_link)
        self._show_end(view)

    def _redraw(self, index: int) -> None:
        view = self._transcript.answer(index)
        if view is not None:
            view.show_message(self._view_model.messages[index])
            self._show_end(view)
            announce(self._transcript, view.message.content or view.message.error)

    def _show_end(self, view: MessageView) -> None:
        """Offer what can follow an answer that did not come to its own end."""
        if not isinstance(view, AnswerView):
            return
        view.offer_more(self._view_model.can_go_on(view.message))
        if view.message.state is State.FAILED:
            error = self._view_model.last_error or PunaError(view.message.error)
            view.add_fault(fault(error), view.message.error, self._way_out(error, view))

    def _way_out(self, error: PunaError, view: AnswerView) -> QWidget:
        if isinstance(error, ModelNotFound):
            return button(self.tr("Get the model"), self.models_wanted.emit)
        if isinstance(error, ServerUnreachable):
            return button(self.tr("Start server"), self.start_wanted.emit)
        return button(self.tr("Try again"), view.again_wanted.emit)

    def _append_text(self, text: str) -> None:
        view = self._transcript.last_answer()
        if view is not None:
            view.append_text(text)

    def _append_thinking(self, text: str) -> None:
        view = self._transcript.last_answer()
        if view is not None:
            view.append_thinking(text)

    def _show_stage(self, stage: Stage, progress: float) -> None:
        view = self._transcript.last_answer()
        if view is not None:
            view.show_stage(self._stage_text(stage, progress))

    def _stage_text(self, stage: Stage, progress: float) -> str:
        match stage:
            case Stage.WAITING:
                return self.tr("Sending…")
            case Stage.LOADING if progress > 0:
                return self.tr("Loading the model… {0} %").format(round(progress * 100))
            case Stage.LOADING:
                return self.tr("Loading the model…")
            case Stage.READING if progress > 0:
                done, total = self._view_model.prompt_read
                return self.tr("Reading the prompt… {0} of {1} tokens").format(
                    number(done), number(total)
                )
            case Stage.READING:
                return self.tr("Reading the prompt…")
            case Stage.WRITING | Stage.IDLE:
                return ""

    def _ask_file(self, chat_id: int, title: str) -> None:
        dialog = QFileDialog(self, self.tr("Export chat"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setNameFilters(["Markdown (*.md)", "JSON (*.json)"])
        dialog.selectFile(file_name(title))
        dialog.fileSelected.connect(
            lambda name: self._view_model.export(chat_id, _with_suffix(name, dialog))
        )
        dialog.open()

    def _ask_link(self, target: str) -> None:
        url = QUrl(target)
        if url.scheme() not in _SCHEMES:
            return
        box = QMessageBox(
            QMessageBox.Icon.Question,
            self.tr("Open link?"),
            self.tr("The answer contains a link to:") + f"\n\n{url.toDisplayString()}",
            QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel,
            self,
        )
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.accepted.connect(partial(QDesktopServices.openUrl, url))
        box.open()


def _with_suffix(name: str, dialog: QFileDialog) -> Path:
    """The chosen file; the chosen format decides where the name does not end in one."""
    file = Path(name)
    if file.suffix in (".md", ".json"):
        return file
    return file.with_name(file.name + (".json" if "json" in dialog.selectedNameFilter() else ".md"))
