"""The create page: a Modelfile, its problems, a name, and the making."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QFileDialog,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QWidget,
)

from puna.errors import PunaError
from puna.gui.controls import button, column, frame, label, row, themed_icon
from puna.gui.create.editor import Editor
from puna.gui.create.view_model import CreateViewModel
from puna.gui.library.view_model import name_problem
from puna.gui.wording import fault


class CreateView(QWidget):
    """Editor and problems at the left, name and result at the right.

    Signals:
        chat_wanted: begin a chat with this model.
    """

    chat_wanted = Signal(str)

    def __init__(self, view_model: CreateViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self.editor = Editor(view_model.models)
        self.editor.setAccessibleName(self.tr("Modelfile"))
        self._problems = QListWidget()
        self._problems.setAccessibleName(self.tr("Problems"))
        self._problems.setMaximumHeight(132)
        self._problems.setWordWrap(True)
        self._problems.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._problems.setSizeAdjustPolicy(QListWidget.SizeAdjustPolicy.AdjustToContents)
        self._problems.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self._verdict: QLabel = label("", "small")
        self._name = QLineEdit()
        self._name.setAccessibleName(self.tr("Name of the new model"))
        self._name.setPlaceholderText(self.tr("for example my-assistant"))
        self._name_problem: QLabel = label("", "danger", wrap=True)
        self._status: QLabel = label("", "muted", wrap=True)
        self._bar = QProgressBar()
        self._bar.setAccessibleName(self.tr("Progress of creating"))
        self._create = button(self.tr("Create model"), view_model.create, role="primary")
        self._cancel = button(self.tr("Cancel"), view_model.cancel)
        self._chat = button(
            self.tr("Chat with it"), self._start_chat, role="primary", picture="chat"
        )
        self._created = ""
        self._build()
        self._connect()
        self._show_opened()
        self._show_problems()
        self._show_busy(view_model.is_busy)

    def choose_file(self) -> None:
        """Ask for a GGUF file or a Modelfile."""
        dialog = QFileDialog(self, self.tr("Open a GGUF file or Modelfile"))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda name: self._view_model.open_path(Path(name)))
        dialog.open()

    def _build(self) -> None:
        examples = QPushButton(self.tr("Examples"))
        examples.setAccessibleName(self.tr("Examples"))
        examples.setProperty("role", "menu")
        examples.setIcon(themed_icon("book"))
        examples.setMenu(self._example_menu(examples))
        head = row(
            label(self.tr("New model"), "title"),
            1,
            examples,
            button(self.tr("Open…"), self.choose_file, picture="folder"),
        )
        left = column(head, self.editor, self._verdict, self._problems, spacing=10)
        left.setContentsMargins(24, 20, 16, 16)
        left.setStretch(1, 1)
        right = column(
            label(self.tr("Name"), "section"),
            self._name,
            self._name_problem,
            row(self._create, self._cancel, 1),
            self._bar,
            self._status,
            row(self._chat, 1),
            self._help(),
            1,
            spacing=10,
        )
        right.setContentsMargins(18, 24, 20, 16)
        splitter = QSplitter(Qt.Orientation.Horizontal)
        splitter.addWidget(frame("page", left))
        splitter.addWidget(frame("panelRight", right))
        splitter.setChildrenCollapsible(False)
        splitter.setStretchFactor(0, 1)
        splitter.setSizes([700, 300])
        self.setLayout(column(splitter, spacing=0))

    def _help(self) -> QLabel:
        text = self.tr(
            "FROM names an installed model, a model to pull, or a GGUF file. "
            "SYSTEM tells it how to behave, PARAMETER sets options. "
            "Ctrl+Space completes, F8 goes to the next problem."
        )
        return label(text, "small", wrap=True)

    def _example_menu(self, parent: QWidget) -> QMenu:
        menu = QMenu(parent)
        for file, title in (
            ("assistant.Modelfile", self.tr("Helpful assistant")),
            ("assistant-zh.Modelfile", self.tr("Assistant that speaks Chinese")),
            ("translator.Modelfile", self.tr("Translator with examples")),
            ("json-extractor.Modelfile", self.tr("Extract facts as JSON")),
            ("code-reviewer.Modelfile", self.tr("Code reviewer")),
            ("gguf-file.Modelfile", self.tr("From a GGUF file, with a template")),
        ):
            menu.addAction(title, partial(self._view_model.open_example, file))
        return menu

    def _connect(self) -> None:
        view_model = self._view_model
        self.editor.textChanged.connect(
            lambda: self._view_model.set_text(self.editor.toPlainText())
        )
        self._name.textChanged.connect(self._take_name)
        self._name.returnPressed.connect(view_model.create)
        self._problems.itemActivated.connect(self._go_to)
        self._problems.itemClicked.connect(self._go_to)
        view_model.opened.connect(self._show_opened)
        view_model.problems_changed.connect(self._show_problems)
        view_model.busy_changed.connect(self._show_busy)
        view_model.progressed.connect(self._show_progress)
        view_model.created.connect(self._show_created)
        view_model.failed.connect(self._show_failed)
        view_model.session.connection_changed.connect(self._show_ready)
        for keys, step in (("F8", 1), ("Shift+F8", -1)):
            shortcut = QShortcut(QKeySequence(keys), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(partial(self._walk, step))

    def _take_name(self, name: str) -> None:
        self._view_model.set_name(name)
        self._name_problem.setText(name_problem(name))
        self._show_ready()

    def _show_opened(self) -> None:
        self.editor.setPlainText(self._view_model.text)
        self._name.setText(self._view_model.name)
        self._forget_result()

    def _show_problems(self) -> None:
        problems = self._view_model.problems
        self.editor.show_problems(problems)
        self._problems.clear()
        for problem in problems:
            place = self.tr("line {0}, column {1}").format(problem.line, problem.column)
            item = QListWidgetItem(f"{problem.text}  –  {place}")
            is_error = problem.severity == "error"
            item.setIcon(
                themed_icon("error" if is_error else "warning", "danger" if is_error else "warning")
            )
            self._problems.addItem(item)
        self._problems.setVisible(bool(problems))
        self._verdict.setText(
            self.tr("%n problem(s)", "", len(problems)) if problems else self.tr("No problems")
        )
        self._show_ready()

    def _show_ready(self) -> None:
        self._create.setEnabled(self._view_model.can_create)

    def _go_to(self, item: QListWidgetItem) -> None:
        self.editor.go_to(self._view_model.problems[self._problems.row(item)])

    def _walk(self, step: int) -> None:
        if self._problems.count():
            at = (self._problems.currentRow() + step) % self._problems.count()
            self._problems.setCurrentRow(at)
            self.editor.go_to(self._view_model.problems[at])

    def _show_busy(self, busy: bool) -> None:
        self._bar.setVisible(busy)
        self._cancel.setVisible(busy)
        if busy:
            self._forget_result()
        self._show_ready()

    def _show_progress(self, status: str, fraction: float) -> None:
        self._bar.setRange(0, 1000 if fraction >= 0 else 0)
        self._bar.setValue(round(max(0.0, fraction) * 1000))
        self._say(status, "muted")

    def _show_created(self, name: str) -> None:
        self._created = name
        self._chat.setVisible(True)
        # Creating took the focus from its button; this is what comes next.
        self._chat.setFocus()
        self._say(self.tr("{0} is ready.").format(name), "success")
        self._show_ready()

    def _show_failed(self, error: PunaError) -> None:
        detail = str(error)
        text = fault(error)
        self._say(text if text == detail else f"{text}\n{detail}", "danger")
        self._show_ready()

    def _forget_result(self) -> None:
        self._created = ""
        self._chat.setVisible(False)
        self._say("", "muted")

    def _say(self, text: str, role: str) -> None:
        self._status.setText(text)
        if self._status.property("role") != role:
            self._status.setProperty("role", role)
            self._status.style().unpolish(self._status)
            self._status.style().polish(self._status)

    def _start_chat(self) -> None:
        self.chat_wanted.emit(self._created)
