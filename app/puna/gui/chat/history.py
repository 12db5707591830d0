"""All chats in one SQLite file that only its owner can read."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from dataclasses import asdict, replace
from pathlib import Path

from puna.gui.chat.records import Chat, Message, State, Stats

_SCHEMA = """
CREATE TABLE chats(
    id INTEGER PRIMARY KEY, title TEXT NOT NULL, model TEXT NOT NULL, system TEXT NOT NULL,
    draft TEXT NOT NULL, leaf INTEGER NOT NULL, updated REAL NOT NULL, options TEXT NOT NULL);
CREATE TABLE messages(
    id INTEGER PRIMARY KEY, chat INTEGER NOT NULL REFERENCES chats ON DELETE CASCADE,
    parent INTEGER NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL, thinking TEXT NOT NULL,
    images TEXT NOT NULL, model TEXT NOT NULL, state TEXT NOT NULL, error TEXT NOT NULL,
    stats TEXT NOT NULL);
CREATE INDEX messages_of_chat ON messages(chat);
PRAGMA user_version = 1;
"""
_CHAT = "id, title, model, system, draft, leaf, updated, options"
_MESSAGE = "id, parent, role, content, thinking, images, model, state, error, stats"


class History:
    """The chats of one user.

    A file that is no database any more is kept under another name and a new one begun.
    """

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._db = _open(file)
        except sqlite3.DatabaseError:
            file.replace(file.with_name(f"{file.name}.damaged-{int(time.time())}"))
            self._db = _open(file)

    def close(self) -> None:
        """Write everything out."""
        self._db.close()

    def chats(self, search: str = "") -> list[Chat]:
        """Chats whose title or text holds ``search``, last used first."""
        pattern = f"%{_escaped(search)}%"
        rows = self._db.execute(
            f"SELECT {_CHAT} FROM chats WHERE title LIKE :p ESCAPE '\\' OR id IN "
            "(SELECT chat FROM messages WHERE content LIKE :p ESCAPE '\\') ORDER BY updated DESC",
            {"p": pattern},
        )
        return [_chat(row) for row in rows]

    def chat(self, chat_id: int) -> Chat:
        """One chat.

        Raises:
            KeyError: there is none with this id.
        """
        row = self._db.execute(
            f"SELECT {_CHAT} FROM chats WHERE id = ?",
            (chat_id,),
        ).fetchone()
        if row is None:
            raise KeyError(chat_id)
        return _chat(row)

    def add_chat(self, chat: Chat) -> Chat:
        """Store a new chat; ``chat.id`` is not looked at."""
        with self._db:
            cursor = self._db.execute(
                "INSERT INTO chats(title, model, system, draft, leaf, updated, options)"
                " VALUES(?,?,?,?,?,?,?)",
                _chat_columns(chat),
            )
        return replace(chat, id=cursor.lastrowid or 0)

    def save_chat(self, chat: Chat) -> None:
        """Store all fields of ``chat``."""
        with self._db:
            self._db.execute(
                "UPDATE chats SET title=?, model=?, system=?, draft=?, leaf=?, updated=?,"
                " options=? WHERE id=?",
                (*_chat_columns(chat), chat.id),
            )

    def delete_chat(self, chat_id: int) -> None:
        """Remove a chat and its messages."""
        with self._db:
            self._db.execute("DELETE FROM chats WHERE id = ?", (chat_id,))

    def add_message(self, chat_id: int, message: Message) -> int:
        """Store a new message and return its id; ``message.id`` is not looked at."""
        with self._db:
            cursor = self._db.execute(
                "INSERT INTO messages(parent, role, content, thinking, images, model, state,"
                " error, stats, chat) VALUES(?,?,?,?,?,?,?,?,?,?)",
                (*_columns(message), chat_id),
            )
        return cursor.lastrowid or 0

    def save_message(self, message: Message) -> None:
        """Store all fields of ``message``."""
        with self._db:
            self._db.execute(
                "UPDATE messages SET parent=?, role=?, content=?, thinking=?, images=?, model=?,"
                " state=?, error=?, stats=? WHERE id=?",
                (*_columns(message), message.id),
            )

    def messages(self, chat_id: int) -> dict[int, Message]:
        """All messages of a chat by id, every branch, oldest first, with their siblings.

        An answer that was being written when the program ended counts as stopped.
        """
        rows = self._db.execute(
            f"SELECT {_MESSAGE} FROM messages WHERE chat = ? ORDER BY id",
            (chat_id,),
        ).fetchall()
        children: dict[int, list[int]] = {}
        for row in rows:
            children.setdefault(row[1], []).append(row[0])
        return {row[0]: _message(row, tuple(children[row[1]])) for row in rows}


def branch(messages: dict[int, Message], leaf: int) -> list[Message]:
    """The messages from the first one to ``leaf``."""
    path: list[Message] = []
    while leaf in messages:
        path.append(messages[leaf])
        leaf = messages[leaf].parent
    return path[::-1]


def newest_leaf(messages: dict[int, Message], root: int) -> int:
    """The end of the branch that follows the newest answer at each fork below ``root``."""
    while True:
        children = [message.id for message in messages.values() if message.parent == root]
        if not children:
            return root
        root = max(children)


def _open(file: Path) -> sqlite3.Connection:
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    db = sqlite3.connect(file)
    try:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA foreign_keys = ON")
        if db.execute("PRAGMA user_version").fetchone()[0] == 0:
            db.executescript(_SCHEMA)
    except sqlite3.DatabaseError:
        db.close()
        raise
    return db


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _chat_columns(chat: Chat) -> tuple[object, ...]:
    options = json.dumps(dict(chat.options))
    return (chat.title, chat.model, chat.system, chat.draft, chat.leaf, chat.updated, options)


def _chat(row: tuple[int, str, str, str, str, int, float, str]) -> Chat:
    return Chat(*row[:7], options=json.loads(row[7]))


def _columns(message: Message) -> tuple[object, ...]:
    return (
        message.parent,
        message.role,
        message.content,
        message.thinking,
        json.dumps(message.images),
        message.model,
        message.state.value,
        message.error,
        json.dumps(asdict(message.stats)),
    )


def _message(
    row: tuple[int, int, str, str, str, str, str, str, str, str], siblings: tuple[int, ...]
) -> Message:
    state = State(row[7])
    return Message(
        id=row[0],
        parent=row[1],
        role=row[2],
        content=row[3],
        thinking=row[4],
        images=tuple(json.loads(row[5])),
        model=row[6],
        state=State.STOPPED if state is State.WRITING else state,
        error=row[8],
        stats=Stats(**json.loads(row[9])),
        siblings=siblings,
    )
