"""The one window: pages behind a rail, a status strip, and drops from anywhere."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import QByteArray, QSize, Signal
from PySide6.QtGui import (
    QCloseEvent,
    QDragEnterEvent,
    QDragLeaveEvent,
    QDropEvent,
    QGuiApplication,
    QKeySequence,
    QShortcut,
)
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QWidget

from puna.errors import PunaError
from puna.gui.activity.view import ActivityView
from puna.gui.api.view import ApiView
from puna.gui.chat.records import State
from puna.gui.chat.view import ChatView
from puna.gui.chat.view_model import Removed
from puna.gui.close_question import ask_close
from puna.gui.controls import column, frame, row
from puna.gui.create.view import CreateView
from puna.gui.drop_overlay import DropOverlay
from puna.gui.icons import picture
from puna.gui.library.view import LibraryView
from puna.gui.menu import Actions, build_menu
from puna.gui.navigation import PAGES, Navigation
from puna.gui.origin_banner import OriginBanner
from puna.gui.settings.view import SettingsView
from puna.gui.status_strip import StatusStrip
from puna.gui.toast import Toast
from puna.gui.wording import fault
from puna.gui.workspace import Workspace

_LARGEST_SHARE = 0.92
"""Of the screen, at the first start; frame and title need some of it."""


class MainWindow(QMainWindow):
    """Views are made anew when language or theme change; all state is in the workspace.

    Signals:
        quit_wanted: end the program.
    """

    quit_wanted = Signal()

    def __init__(self, workspace: Workspace, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._workspace = workspace
        self._page = 0
        self._toast = Toast(self)
        self.setWindowTitle("Puna")
        self.setWindowIcon(picture("puna"))
        self.setMinimumSize(720, 480)
        self.setAcceptDrops(True)
        self._restore_place()
        self.rebuild()
        self._make_shortcuts()
        workspace.library.removed.connect(self._offer_model_back)
        workspace.library.failed.connect(self._show_failure)
        workspace.origins.failed.connect(partial(self._show_failure, ""))
        workspace.chat.export_failed.connect(partial(self._show_failure, ""))
        workspace.chat.removed.connect(self._offer_chat_back)
        workspace.pulls.finished.connect(self._tell_pulled)
        workspace.create.opened.connect(partial(self.show_page, PAGES.index("create")))

    def rebuild(self) -> None:
        """Make all views anew, in the language and theme in use now."""
        workspace = self._workspace
        self._toast.settle()
        self.chat = ChatView(workspace.chat)
        self.library = LibraryView(workspace.library)
        self.create_page = CreateView(workspace.create)
        self._pages = QStackedWidget()
        for page in (
            self.chat,
            self.library,
            self.create_page,
            ApiView(workspace.api),
            ActivityView(workspace.activity),
            SettingsView(workspace.settings),
        ):
            self._pages.addWidget(page)
        actions = Actions(self.start_chat, self.open_file, self.quit_wanted.emit)
        self._navigation = Navigation(build_menu(self, workspace, actions))
        work = column(OriginBanner(workspace.origins), self._pages, spacing=0)
        work.setStretch(1, 1)
        body = row(self._navigation, work, spacing=0)
        body.setStretch(1, 1)
        whole = column(body, StatusStrip(workspace), spacing=0)
        whole.setStretch(0, 1)
        center = frame("page", whole)
        self.setCentralWidget(center)
        self._toast = Toast(center)
        self._overlay = DropOverlay(center)
        self._connect_pages()
        self.show_page(self._page)

    def show_page(self, place: int) -> None:
        """Bring a page of :data:`PAGES` into view."""
        self._page = place
        self._pages.setCurrentIndex(place)
        self._navigation.show_page(place)
        match PAGES[place]:
            case "chat":
                self.chat.focus_composer()
            case "models":
                self.library.focus_pull()
            case "create":
                self.create_page.editor.setFocus()
            case _:
                page = self._pages.currentWidget()
                assert page is not None
                page.setFocus()

    def bring_to_front(self) -> None:
        """Show the window above others."""
        self.setWindowState(self.windowState() & ~self.windowState().WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def start_chat(self, model: str = "") -> None:
        """Begin a chat, with ``model`` if given."""
        self._workspace.chat.new_chat(model)
        self.show_page(0)

    def open_file(self) -> None:
        """Ask for a GGUF file or Modelfile to create a model from."""
        self.show_page(PAGES.index("create"))
        self.create_page.choose_file()

    def open_files(self, files: list[Path]) -> None:
        """Take files that were dropped or given at start."""
        others = [file for file in files if not self._workspace.create.open_path(file)]
        if others:
            self.show_page(0)
            self.chat.composer.attach_files(others)

    def note(self, text: str) -> None:
        """Show a short message."""
        self._toast.note(text)

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide, quit, or ask which."""
        self._keep_place()
        event.ignore()
        match self._workspace.preferences.choices.close:
            case "hide":
                self.hide()
            case "quit":
                self.quit_wanted.emit()
            case _:
                ask_close(self, self._close_as)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files are welcome anywhere."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()
            self._overlay.cover()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        """The files went elsewhere."""
        self._overlay.hide()

    def dropEvent(self, event: QDropEvent) -> None:
        """Take the files."""
        self._overlay.hide()
        event.acceptProposedAction()
        urls = event.mimeData().urls()
        self.open_files([Path(url.toLocalFile()) for url in urls if url.isLocalFile()])

    def settle(self) -> None:
        """Carry out deletions that could still be undone."""
        self._toast.settle()

    def _connect_pages(self) -> None:
        models = partial(self.show_page, PAGES.index("models"))
        self.chat.models_wanted.connect(models)
        self.chat.start_wanted.connect(self._workspace.server.start)
        self.library.chat_wanted.connect(self.start_chat)
        self.library.edit_wanted.connect(self._workspace.create.open_text)
        self.library.file_wanted.connect(self.open_file)
        self.create_page.chat_wanted.connect(self.start_chat)
        self._navigation.page_chosen.connect(self.show_page)

    def _make_shortcuts(self) -> None:
        for place in range(len(PAGES)):
            self._shortcut(f"Ctrl+{place + 1}", partial(self.show_page, place))
        self._shortcut("Ctrl+N", self.start_chat)
        self._shortcut("Ctrl+O", self.open_file)
        self._shortcut("Ctrl+,", partial(self.show_page, PAGES.index("settings")))
        preferences = self._workspace.preferences
        for keys, steps in (("Ctrl++", 1), ("Ctrl+=", 1), ("Ctrl+-", -1)):
            self._shortcut(keys, partial(preferences.zoom_by, steps))
        self._shortcut("Ctrl+0", partial(preferences.change, zoom=100))
        self._shortcut("Ctrl+Q", self.quit_wanted.emit)
        self._shortcut("Ctrl+Shift+E", self._workspace.library.unload_all)
        self._shortcut("Ctrl+Shift+F", self._search_chats)
        self._shortcut("Ctrl+Shift+C", self._copy_last_answer)

    def _shortcut(self, keys: str, action: object) -> None:
        QShortcut(QKeySequence(keys), self).activated.connect(action)

    def _search_chats(self) -> None:
        self.show_page(0)
        self.chat.focus_search()

    def _copy_last_answer(self) -> None:
        for message in reversed(self._workspace.chat.messages):
            if message.role == "assistant" and message.state is not State.WRITING:
                QGuiApplication.clipboard().setText(message.content)
                self._toast.note(self.tr("The last answer was copied."))
                return

    def _offer_model_back(self, name: str) -> None:
        library = self._workspace.library
        self._toast.offer_undo(
            self.tr("{0} will be deleted").format(name),
            partial(library.bring_back, name),
            partial(library.forget, name),
        )

    def _offer_chat_back(self, removed: Removed) -> None:
        chat = self._workspace.chat
        self._toast.offer_undo(
            self.tr("Chat “{0}” will be deleted").format(removed.title),
            partial(chat.bring_back, removed.chat_id),
            partial(chat.forget, removed.chat_id),
        )

    def _show_failure(self, _: str, error: PunaError) -> None:
        self._toast.note(fault(error))

    def _tell_pulled(self, name: str) -> None:
        self._toast.note(self.tr("{0} is ready.").format(name))

    def _close_as(self, choice: str) -> None:
        self._workspace.preferences.change(close=choice)
        self.close()

    def _keep_place(self) -> None:
        place = self.saveGeometry().toBase64().data()
        self._workspace.preferences.change(geometry=bytes(place).decode())

    def _restore_place(self) -> None:
        room = self.screen().availableGeometry().size() * _LARGEST_SHARE
        self.resize(QSize(1120, 760).boundedTo(room).expandedTo(self.minimumSize()))
        place = self._workspace.preferences.choices.geometry
        if place:
            self.restoreGeometry(QByteArray.fromBase64(place.encode()))
