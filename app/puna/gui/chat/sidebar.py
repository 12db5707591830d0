"""The list of chats beside the conversation."""

from __future__ import annotations

from PySide6.QtCore import QItemSelectionModel, QPoint, Qt, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QFrame, QListView, QMenu, QWidget

from puna.gui.chat.view_model import ChatViewModel
from puna.gui.controls import button, column, search_field, themed_icon


class Sidebar(QFrame):
    """Search, New chat and the chats; F2 renames, Delete deletes.

    Signals:
        export_wanted: write a chat to a file: id and title.
    """

    export_wanted = Signal(int, str)

    def __init__(self, view_model: ChatViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self.setObjectName("panelLeft")
        self.setMinimumWidth(190)
        self.setMaximumWidth(340)
        self.search = search_field(self.tr("Search chats"))
        new = button(self.tr("New chat"), view_model.new_chat, picture="plus")
        self._list = self._make_list()
        self.setLayout(column(new, self.search, self._list, margins=12, spacing=10))
        self._connect()
        self._mark_open()

    def _make_list(self) -> QListView:
        view = QListView()
        view.setAccessibleName(self.tr("Chats"))
        view.setModel(self._view_model.chats)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setTextElideMode(Qt.TextElideMode.ElideRight)
        view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        view.setEditTriggers(QListView.EditTrigger.EditKeyPressed)
        return view

    def _connect(self) -> None:
        self.search.textChanged.connect(self._view_model.search)
        self._list.clicked.connect(self._open)
        self._list.activated.connect(self._open)
        self._list.customContextMenuRequested.connect(self._show_menu)
        self._view_model.opened.connect(self._mark_open)
        self._view_model.chats.modelReset.connect(self._mark_open)
        delete = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self._list)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._delete)

    def _open(self) -> None:
        index = self._list.currentIndex()
        if index.isValid():
            self._view_model.open(self._view_model.chats.id_at(index.row()))

    def _mark_open(self) -> None:
        row = self._view_model.chats.row_of(self._view_model.chat.id)
        if row < 0:
            self._list.clearSelection()
        else:
            self._list.selectionModel().setCurrentIndex(
                self._view_model.chats.index(row), QItemSelectionModel.SelectionFlag.ClearAndSelect
            )

    def _delete(self) -> None:
        index = self._list.currentIndex()
        if index.isValid():
            self._view_model.remove(self._view_model.chats.id_at(index.row()))

    def _show_menu(self, place: QPoint) -> None:
        index = self._list.indexAt(place)
        if not index.isValid():
            return
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(themed_icon("edit"), self.tr("Rename"), lambda: self._list.edit(index))
        chat_id, title = self._view_model.chats.id_at(index.row()), str(index.data())
        menu.addAction(
            themed_icon("file"),
            self.tr("Export…"),
            lambda: self.export_wanted.emit(chat_id, title),
        )
        menu.addAction(themed_icon("trash", "danger"), self.tr("Delete"), self._delete)
        menu.popup(self._list.viewport().mapToGlobal(place))
