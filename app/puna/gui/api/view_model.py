"""The API page without a widget."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Signal

from puna.errors import PunaError
from puna.gui.api.snippets import Dialect, Language, answer_text, base_url, path, request, snippet
from puna.gui.preferences import Preferences
from puna.gui.server_state import Server
from puna.gui.session import Session
from puna.gui.tasks import Tasks

_LONGEST_ANSWER = 160
_MOST_ORIGINS = 20


class ApiViewModel(QObject):
    """Address, examples, a test, and web pages that were turned away.

    Signals:
        changed: address, model or example are other ones.
        tested: the answer of the test and how long it took, s.
        test_failed: a :class:`PunaError`.
        busy_changed: a test began or ended.
        origins_changed: :attr:`refused` grew or shrank.
    """

    changed = Signal()
    tested = Signal(str, float)
    test_failed = Signal(object)
    busy_changed = Signal(bool)
    origins_changed = Signal()

    def __init__(
        self,
        session: Session,
        server: Server,
        preferences: Preferences,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.server = server
        self.tasks = Tasks(self)
        self.tasks.failed.connect(self._fail)
        self.dialect = Dialect.OLLAMA
        self.language = Language.CURL
        self.refused: list[str] = []
        self._preferences = preferences
        session.models_changed.connect(self.changed)
        session.connection_changed.connect(self.changed)
        preferences.changed.connect(self.changed)
        session.origin_refused.connect(self._refuse)

    @property
    def url(self) -> str:
        """The base address for clients of the chosen dialect."""
        return base_url(self.session.url, self.dialect)

    @property
    def model(self) -> str:
        """The model last chatted with, else any installed one."""
        last = self._preferences.choices.model
        if self.session.model(last) is not None:
            return last
        return next((model.name for model in self.session.models if model.can_chat), "")

    @property
    def snippet(self) -> str:
        """The chosen example."""
        return snippet(self.dialect, self.language, self.session.url, self.model or "MODEL")

    def choose(self, dialect: Dialect | None = None, language: Language | None = None) -> None:
        """Show another example."""
        self.dialect = dialect or self.dialect
        self.language = language or self.language
        self.changed.emit()

    def test(self) -> None:
        """Send the example's request."""
        self.tasks.start("test", self._test(self.dialect))
        self.busy_changed.emit(True)

    def allow(self, origin: str) -> None:
        """Let pages of this origin use the server from now on."""
        self.tasks.start("allow", self._allow(origin))

    def dismiss(self, origin: str) -> None:
        """Take an origin off the list; it stays refused."""
        self.refused.remove(origin)
        self.origins_changed.emit()

    async def _test(self, dialect: Dialect) -> None:
        started = time.monotonic()
        try:
            answer = await self.session.client.request_json(
                "POST", path(dialect), request(self.model), read_s=None
            )
        finally:
            self.busy_changed.emit(False)
        text = " ".join(answer_text(answer, dialect).split())
        short = text if len(text) <= _LONGEST_ANSWER else text[:_LONGEST_ANSWER] + "…"
        self.tested.emit(short, time.monotonic() - started)

    async def _allow(self, origin: str) -> None:
        answer = await self.session.client.settings()
        listed = next((s["value"] for s in answer["settings"] if s["name"] == "origins"), "")
        entries = [entry for entry in str(listed).split(",") if entry]
        await self.session.client.save_settings({"origins": ",".join([*entries, origin])})
        self.dismiss(origin)

    def _fail(self, _: str, error: PunaError) -> None:
        self.test_failed.emit(error)

    def _refuse(self, origin: str) -> None:
        if origin and origin not in self.refused:
            self.refused = [origin, *self.refused][:_MOST_ORIGINS]
            self.origins_changed.emit()
