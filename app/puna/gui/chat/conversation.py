"""One open chat and its branch in view, kept in step with the history."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace

from puna.gui.chat.history import History, branch, newest_leaf
from puna.gui.chat.records import Chat, Message, State, title_of

NEW = Chat(0, "")


class Conversation:
    """A chat with the messages of the branch in view; a new chat is stored with its first message.

    Attributes:
        chat: the chat's own fields; ``id`` 0 = not stored yet.
        path: messages of the branch in view, first to last.
    """

    def __init__(self, history: History, chat_id: int = 0, model: str = "") -> None:
        self._history = history
        self.chat = history.chat(chat_id) if chat_id else replace(NEW, model=model)
        self.path: list[Message] = []
        self._reload()

    def change(self, **values: str | Mapping[str, float]) -> None:
        """Set title, model, system prompt, draft or options."""
        self.chat = replace(self.chat, **values)  # type: ignore[arg-type]
        if self.chat.id:
            self._history.save_chat(self.chat)

    def add_question(
        self, text: str, images: tuple[str, ...] = (), parent: int | None = None
    ) -> None:
        """Add what the user says, after the last message or as another branch of ``parent``."""
        if not self.chat.id:
            titled = replace(self.chat, title=title_of(text) or "…", updated=time.time())
            self.chat = self._history.add_chat(titled)
        parent = self.chat.leaf if parent is None else parent
        self._add(Message(0, parent, "user", text, images=images))

    def add_answer(self) -> None:
        """Add the empty answer that the model is about to write."""
        model = self.chat.model
        self._add(Message(0, self.chat.leaf, "assistant", model=model, state=State.WRITING))
        self.path[-1] = replace(self.path[-1], state=State.WRITING)

    def reopen_answer(self) -> None:
        """The model is about to go on with the last message."""
        self.path[-1] = replace(self.path[-1], state=State.WRITING)

    def back_to_question(self, index: int) -> None:
        """Show the branch only up to the question that message ``index`` answers or is."""
        while self.path[index].role != "user":
            index -= 1
        self._show(self.path[index].id)

    def switch(self, index: int, step: int) -> None:
        """Show the sibling ``step`` places after message ``index`` and what follows it."""
        message = self.path[index]
        place = message.siblings.index(message.id) + step
        if 0 <= place < len(message.siblings):
            everything = self._history.messages(self.chat.id)
            self._show(newest_leaf(everything, message.siblings[place]))

    def update_last(self, message: Message, *, store: bool) -> None:
        """Replace the last message while it is being written."""
        self.path[-1] = message
        if store:
            self._history.save_message(message)

    def _add(self, message: Message) -> None:
        self._show(self._history.add_message(self.chat.id, message))

    def _show(self, leaf: int) -> None:
        self.chat = replace(self.chat, leaf=leaf, updated=time.time())
        self._history.save_chat(self.chat)
        self._reload()

    def _reload(self) -> None:
        if self.chat.id:
            self.path = branch(self._history.messages(self.chat.id), self.chat.leaf)
