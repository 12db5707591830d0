"""The chats in the side list, as a Qt model."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from puna.gui.chat.records import Chat

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class ChatList(QAbstractListModel):
    """Chats in the order given; the user role holds the chat's id.

    Signals:
        retitled: the user gave a chat another title: id and title.
    """

    retitled = Signal(int, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._chats: list[Chat] = []

    def show_chats(self, chats: list[Chat]) -> None:
        """Replace the list; nothing happens while it shows the same already."""
        if [(chat.id, chat.title) for chat in chats] == [(c.id, c.title) for c in self._chats]:
            return
        self.beginResetModel()
        self._chats = chats
        self.endResetModel()

    def row_of(self, chat_id: int) -> int:
        """The row of that chat, -1 when it is not shown."""
        return next((row for row, chat in enumerate(self._chats) if chat.id == chat_id), -1)

    def id_at(self, row: int) -> int:
        """The chat's id in that row."""
        return self._chats[row].id

    def rowCount(self, parent: Index = _ROOT) -> int:
        """Rows of the list."""
        return 0 if parent.isValid() else len(self._chats)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Title, tooltip and id of one chat."""
        chat = self._chats[index.row()]
        if role in (
            Qt.ItemDataRole.DisplayRole,
            Qt.ItemDataRole.EditRole,
            Qt.ItemDataRole.ToolTipRole,
            Qt.ItemDataRole.AccessibleTextRole,
        ):
            return chat.title
        if role == Qt.ItemDataRole.UserRole:
            return chat.id
        return None

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Titles can be edited in place."""
        return super().flags(index) | Qt.ItemFlag.ItemIsEditable

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Take a title the user typed; the list itself changes when it is stored."""
        if role == Qt.ItemDataRole.EditRole:
            self.retitled.emit(self.id_at(index.row()), str(value))
        return role == Qt.ItemDataRole.EditRole
