"""The API page without a widget."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, Signal

from puna.errors import PunaError
from puna.gui.api.snippets import Dialect, Language, answer_text, base_url, path, request, snippet
from puna.gui.origins import Origins
from puna.gui.preferences import Preferences
from puna.gui.server_state import Server
from puna.gui.session import Session
from puna.gui.tasks import Tasks

_LONGEST_ANSWER = 160


class ApiViewModel(QObject):
    """Address, examples and a test; :attr:`origins` has the web pages that were turned away.

    Signals:
        changed: address, model or example are other ones.
        tested: the answer of the test and how long it took, s.
        test_failed: a :class:`PunaError`.
        busy_changed: a test began or ended.
    """

    changed = Signal()
    tested = Signal(str, float)
    test_failed = Signal(object)
    busy_changed = Signal(bool)

    def __init__(
        self,
        session: Session,
        server: Server,
        preferences: Preferences,
        origins: Origins,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.server = server
        self.origins = origins
        self.tasks = Tasks(self)
        self.tasks.failed.connect(self._fail)
        self.dialect = Dialect.OLLAMA
        self.language = Language.CURL
        self._preferences = preferences
        session.models_changed.connect(self.changed)
        session.connection_changed.connect(self.changed)
        preferences.changed.connect(self.changed)

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

    def _fail(self, _: str, error: PunaError) -> None:
        self.test_failed.emit(error)
