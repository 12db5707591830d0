"""The chat page without a widget: chats, the open one, and the answer being written."""

from __future__ import annotations

import base64
import time
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from puna.errors import PunaError
from puna.gui.chat.answer import Answer
from puna.gui.chat.chat_list import ChatList
from puna.gui.chat.chat_options import option_value
from puna.gui.chat.conversation import Conversation
from puna.gui.chat.export import exported, write
from puna.gui.chat.history import History, branch
from puna.gui.chat.records import Chat, Message, State
from puna.gui.chat.text_file import TextFile, with_files
from puna.gui.preferences import Preferences
from puna.gui.server_state import Server
from puna.gui.session import Session
from puna.gui.tasks import Tasks

FLUSH_INTERVAL_MS = 33
_STORE_EVERY_S = 1.0
_ASK_LOAD_MS = 500


class Stage(Enum):
    """What happens between sending and the last word."""

    IDLE = "idle"
    WAITING = "waiting"
    LOADING = "loading"
    READING = "reading"
    WRITING = "writing"


@dataclass(frozen=True, slots=True)
class Removed:
    """A chat that was taken from the list and can come back."""

    chat_id: int
    title: str


class ChatViewModel(QObject):
    """The chats of one user and the one in view.

    Signals:
        opened: another chat or branch is in view; read :attr:`messages` anew.
        chat_changed: title, model or system prompt of the chat in view.
        message_added: its index in :attr:`messages`.
        message_changed: the message of that index has ended or is another one.
        text_appended: new text of the last message, at most 30 times a second.
        thinking_appended: new thoughts of the last message.
        stage_changed: stage and its progress from 0 to 1 (-1 = not known).
        attachments_changed: :attr:`images` or :attr:`files` to be sent with the next message.
        failed: the last error; its message carries the same words.
        export_failed: the error for which a chat was not written.
        removed: a chat left the list; :meth:`bring_back` undoes it.
    """

    opened = Signal()
    chat_changed = Signal()
    message_added = Signal(int)
    message_changed = Signal(int)
    text_appended = Signal(str)
    thinking_appended = Signal(str)
    stage_changed = Signal(object, float)
    attachments_changed = Signal()
    failed = Signal(object)
    export_failed = Signal(object)
    removed = Signal(object)

    def __init__(
        self,
        session: Session,
        server: Server,
        history: History,
        preferences: Preferences,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.server = server
        self.preferences = preferences
        self.chats = ChatList(self)
        self.tasks = Tasks(self)
        self.images: list[bytes] = []
        self.files: list[TextFile] = []
        self.stage = Stage.IDLE
        self.progress = -1.0
        self.last_error: PunaError | None = None
        self._history = history
        self._search = ""
        self._hidden: set[int] = set()
        self._answer: Answer | None = None
        self._conversation = Conversation(history, model=preferences.choices.model)
        self._flush_timer = self._timer(FLUSH_INTERVAL_MS, self._flush)
        self._load_timer = self._timer(_ASK_LOAD_MS, session.refresh)
        session.loaded_changed.connect(self._follow_load)
        session.models_changed.connect(self._choose_model)
        self.chats.retitled.connect(self.rename)
        self._list_chats()

    def _timer(self, interval: int, action: object) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(interval)
        timer.timeout.connect(action)
        return timer

    @property
    def chat(self) -> Chat:
        """The chat in view."""
        return self._conversation.chat

    @property
    def messages(self) -> list[Message]:
        """The messages in view, first to last."""
        return self._conversation.path

    @property
    def is_busy(self) -> bool:
        """An answer is being written."""
        return self.stage is not Stage.IDLE

    @property
    def sees_images(self) -> bool:
        """The chosen model takes pictures."""
        model = self.session.model(self.chat.model)
        return model is not None and "vision" in model.capabilities

    @property
    def prompt_read(self) -> tuple[int, int]:
        """Tokens of the prompt that the model has read, and all of them; zeros while not told."""
        return self._answer.prompt if self._answer is not None else (0, 0)

    @property
    def context_use(self) -> tuple[int, int]:
        """Tokens of the context that the conversation fills, and all; zeros while not known."""
        loaded = self.session.loaded_model(self.chat.model)
        answers = [message.stats for message in self.messages if message.stats.tokens]
        used = answers[-1].prompt_tokens + answers[-1].tokens if answers else 0
        return used, loaded.context_length if loaded is not None else 0

    def can_go_on(self, message: Message) -> bool:
        """It is the last answer, and was cut before its end."""
        is_last = bool(self.messages) and message.id == self.messages[-1].id
        cut = message.state is State.STOPPED or message.stats.reason == "length"
        return is_last and cut and bool(message.content)

    def open(self, chat_id: int) -> None:
        """Show a stored chat; an answer in progress is stopped and kept."""
        if chat_id != self.chat.id:
            self._show(Conversation(self._history, chat_id))

    def new_chat(self, model: str = "") -> None:
        """Show an empty chat with the model last used, or with ``model``."""
        self._show(Conversation(self._history, model=model or self.chat.model))
        self._choose_model()

    def search(self, text: str) -> None:
        """List only chats that hold ``text``."""
        self._search = text.strip()
        self._list_chats()

    def rename(self, chat_id: int, title: str) -> None:
        """Give a chat another title; an empty one changes nothing."""
        if title.strip():
            if chat_id == self.chat.id:
                self._conversation.change(title=title.strip())
                self.chat_changed.emit()
            else:
                self._history.save_chat(replace(self._history.chat(chat_id), title=title.strip()))
            self._list_chats()

    def remove(self, chat_id: int) -> None:
        """Take a chat from the list; it is deleted by :meth:`forget`."""
        self._hidden.add(chat_id)
        if chat_id == self.chat.id:
            self.new_chat()
        self._list_chats()
        self.removed.emit(Removed(chat_id, self._history.chat(chat_id).title))

    def bring_back(self, chat_id: int) -> None:
        """Undo :meth:`remove`."""
        self._hidden.discard(chat_id)
        self._list_chats()

    def forget(self, chat_id: int) -> None:
        """Delete a removed chat for good; one that was brought back stays."""
        if chat_id in self._hidden:
            self._hidden.discard(chat_id)
            self._history.delete_chat(chat_id)

    def export(self, chat_id: int, file: Path) -> None:
        """Write the branch in view of a chat; its error comes with :attr:`export_failed`."""
        chat = self._history.chat(chat_id)
        messages = branch(self._history.messages(chat_id), chat.leaf)
        try:
            write(file, exported(chat, messages, file.suffix))
        except OSError as error:
            self.export_failed.emit(PunaError(f"{file.name}: {error.strerror}"))

    def choose_model(self, name: str) -> None:
        """Answer with this model from now on."""
        self._conversation.change(model=name)
        self.preferences.change(model=name)
        self.chat_changed.emit()

    def set_system(self, text: str) -> None:
        """The system prompt of the chat in view."""
        self._conversation.change(system=text)
        self.chat_changed.emit()

    def set_option(self, name: str, text: str) -> str:
        """Answer with another value of an option from now on; empty means the model's own.

        Returns the reason why ``text`` cannot be a value, empty when it can.
        """
        options = dict(self.chat.options)
        options.pop(name, None)
        if text.strip():
            value, problem = option_value(name, text)
            if problem:
                return problem
            options[name] = value
        self._conversation.change(options=options)
        return ""

    def set_draft(self, text: str) -> None:
        """Remember what is typed but not sent."""
        if text != self.chat.draft:
            self._conversation.change(draft=text)

    def attach(self, image: bytes) -> None:
        """Send this picture with the next message."""
        self.images.append(image)
        self.attachments_changed.emit()

    def attach_file(self, file: TextFile) -> None:
        """Send this text with the next message."""
        self.files.append(file)
        self.attachments_changed.emit()

    def detach(self, index: int) -> None:
        """Do not send that picture."""
        del self.images[index]
        self.attachments_changed.emit()

    def detach_file(self, index: int) -> None:
        """Do not send that text."""
        del self.files[index]
        self.attachments_changed.emit()

    def send(self, text: str) -> None:
        """Ask the model; nothing happens without text, without a model or while it writes."""
        if self.is_busy or not text.strip() or not self.chat.model:
            return
        images = tuple(base64.b64encode(image).decode() for image in self.images)
        self._conversation.add_question(with_files(text.strip(), self.files), images)
        self._conversation.change(draft="")
        self.preferences.change(model=self.chat.model)
        self.images.clear()
        self.files.clear()
        self.attachments_changed.emit()
        self.message_added.emit(len(self.messages) - 1)
        self._ask()

    def edit(self, index: int, text: str) -> None:
        """Ask a question again in other words, as another branch."""
        if self.is_busy or not text.strip():
            return
        question = self.messages[index]
        self._conversation.add_question(text.strip(), question.images, question.parent)
        self.opened.emit()
        self._ask()

    def regenerate(self, index: int = -1) -> None:
        """Answer the question of message ``index`` once more, as another branch."""
        if self.is_busy or not self.messages or not self.chat.model:
            return
        self._conversation.back_to_question(index if index >= 0 else len(self.messages) - 1)
        self.opened.emit()
        self._ask()

    def go_on(self) -> None:
        """Let the model go on with the last answer, which was cut."""
        if self.is_busy or not self.messages or not self.can_go_on(self.messages[-1]):
            return
        body = request_body(self.chat, self.messages)
        self._conversation.reopen_answer()
        self.message_changed.emit(len(self.messages) - 1)
        self._start(body)

    def switch(self, index: int, step: int) -> None:
        """Show another branch at message ``index``."""
        if not self.is_busy:
            self._conversation.switch(index, step)
            self.opened.emit()

    def stop(self) -> None:
        """Stop writing; what is there stays."""
        self.tasks.cancel("answer")

    async def aclose(self) -> None:
        """Stop writing and delete what was removed."""
        await self.tasks.aclose()
        for chat_id in tuple(self._hidden):
            self.forget(chat_id)

    def _show(self, conversation: Conversation) -> None:
        self.stop()
        self._end(State.STOPPED)
        self._conversation = conversation
        self.opened.emit()
        self.chat_changed.emit()

    def _list_chats(self) -> None:
        found = self._history.chats(self._search)
        self.chats.show_chats([chat for chat in found if chat.id not in self._hidden])

    def _choose_model(self) -> None:
        """Give the chat in view a model that exists, once one does."""
        names = [model.name for model in self.session.models if model.can_chat]
        if names and self.chat.model not in names:
            last = self.preferences.choices.model
            self._conversation.change(model=last if last in names else names[0])
        self.chat_changed.emit()

    def _ask(self) -> None:
        self._list_chats()
        body = request_body(self.chat, self.messages)
        self._conversation.add_answer()
        self.message_added.emit(len(self.messages) - 1)
        self._start(body)

    def _start(self, body: dict[str, object]) -> None:
        """Let the model write into the last message."""
        self.last_error = None
        self._answer = Answer(self.messages[-1], time.monotonic())
        self._stored_at = time.monotonic()
        self._set_stage(Stage.WAITING)
        self._flush_timer.start()
        self._load_timer.start()
        self.tasks.start("answer", self._generate(self._answer, body), on_error=self._fail)

    async def _generate(self, answer: Answer, body: dict[str, object]) -> None:
        try:
            async for line in self.session.client.chat(body):
                answer.take(line, time.monotonic())
        finally:
            if answer is self._answer and not answer.is_whole:
                self._end(State.STOPPED)
        self._end(State.DONE)

    def _fail(self, error: PunaError) -> None:
        self.last_error = error
        last = len(self.messages) - 1
        failed = replace(self.messages[last], state=State.FAILED, error=str(error))
        self._conversation.update_last(failed, store=True)
        self.message_changed.emit(last)
        self.failed.emit(error)

    def _end(self, state: State) -> None:
        if self._answer is None:
            return
        self._flush()
        self._flush_timer.stop()
        self._load_timer.stop()
        self._conversation.update_last(self._answer.message(state), store=True)
        self._answer = None
        self._set_stage(Stage.IDLE)
        self.message_changed.emit(len(self.messages) - 1)

    def _flush(self) -> None:
        if self._answer is None:
            return
        thoughts, text = self._answer.fresh()
        if not (thoughts or text):
            self._follow_reading()
            return
        self._set_stage(Stage.WRITING)
        self._load_timer.stop()
        store = time.monotonic() - self._stored_at >= _STORE_EVERY_S
        self._conversation.update_last(self._answer.message(State.WRITING), store=store)
        if store:
            self._stored_at = time.monotonic()
        if thoughts:
            self.thinking_appended.emit(thoughts)
        if text:
            self.text_appended.emit(text)

    def _follow_load(self) -> None:
        """Tell loading from reading by what is in memory."""
        waits = self.stage in (Stage.WAITING, Stage.LOADING, Stage.READING)
        if waits and not self._follow_reading():
            loaded = self.session.loaded_model(self.chat.model)
            if loaded is None:
                self._set_stage(Stage.LOADING)
            elif loaded.is_loading:
                self._set_stage(Stage.LOADING, loaded.progress)
            else:
                self._set_stage(Stage.READING)

    def _follow_reading(self) -> bool:
        """Tell how much of the prompt is read; whether the server has told it."""
        done, total = self.prompt_read
        if total and self.stage is not Stage.WRITING:
            self._set_stage(Stage.READING, done / total)
        return bool(total)

    def _set_stage(self, stage: Stage, progress: float = -1.0) -> None:
        if (stage, progress) != (self.stage, self.progress):
            self.stage, self.progress = stage, progress
            self.stage_changed.emit(stage, progress)


def request_body(chat: Chat, messages: list[Message]) -> dict[str, object]:
    """The body of ``POST /api/chat`` for a branch; failed answers without text are left out."""
    told: list[dict[str, object]] = []
    if chat.system.strip():
        told.append({"role": "system", "content": chat.system})
    for message in messages:
        if message.content or message.images or message.role == "user":
            part: dict[str, object] = {"role": message.role, "content": message.content}
            if message.images:
                part["images"] = list(message.images)
            told.append(part)
    body: dict[str, object] = {"model": chat.model, "messages": told, "return_progress": True}
    return body | ({"options": dict(chat.options)} if chat.options else {})
