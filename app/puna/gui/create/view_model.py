"""The create page without a widget."""

from __future__ import annotations

import re
from contextlib import aclosing
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from puna.client.creation import create_from_modelfile
from puna.errors import PunaError
from puna.gui.create.proposals import Proposal, proposal
from puna.gui.library.view_model import name_problem
from puna.gui.resources import resource
from puna.gui.session import Session
from puna.gui.tasks import Tasks
from puna.modelfile import Modelfile, Problem, check, parse

CHECK_PAUSE_MS = 150
_START = "FROM "
_FROM_MODEL = re.compile(r"^FROM (?!\./).*$", re.MULTILINE)


class CreateViewModel(QObject):
    """A Modelfile being written, its problems, and its making.

    Signals:
        opened: another text or name came from a file, an example or a model.
        problems_changed: :attr:`problems` was found anew.
        progressed: what is being done, and the part that is done (-1 = not known).
        busy_changed: creating began or ended.
        created: name of the new model.
        failed: a :class:`PunaError`.

    Attributes:
        text: the Modelfile.
        name: of the model to create.
        folder: what relative paths in the Modelfile start from.
        problems: what is wrong with the text, in its order.
        is_busy: a model is being created.
    """

    opened = Signal()
    problems_changed = Signal()
    progressed = Signal(str, float)
    busy_changed = Signal(bool)
    created = Signal(str)
    failed = Signal(object)

    def __init__(self, session: Session, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.tasks = Tasks(self)
        self.text = _START
        self.name = ""
        self.folder = Path.home()
        self.problems: list[Problem] = []
        self.is_busy = False
        self._check_timer = QTimer(self)
        self._check_timer.setSingleShot(True)
        self._check_timer.setInterval(CHECK_PAUSE_MS)
        self._check_timer.timeout.connect(self.check)

    @property
    def can_create(self) -> bool:
        """Text and name are complete and nothing is wrong with them."""
        errors = any(problem.severity == "error" for problem in self.problems)
        named = bool(self.name.strip()) and not name_problem(self.name)
        return named and not errors and not self.is_busy and self.session.is_connected

    def models(self) -> list[str]:
        """Names of the installed models."""
        return [model.name for model in self.session.models]

    def set_text(self, text: str) -> None:
        """Take what was typed; problems follow after a short pause."""
        if text != self.text:
            self.text = text
            self._check_timer.start()

    def set_name(self, name: str) -> None:
        """Take the name that was typed."""
        self.name = name.strip()

    def check(self) -> None:
        """Look for problems now."""
        self._check_timer.stop()
        found = [*check(self.text), *self._missing_files()]
        self.problems = sorted(found, key=lambda problem: (problem.line, problem.column))
        self.problems_changed.emit()

    def open_path(self, path: Path) -> bool:
        """Begin from a GGUF file, a Modelfile or a folder; whether it is one of them."""
        try:
            found = proposal(path)
        except OSError as error:
            self.failed.emit(PunaError(f"{path.name}: {error.strerror}"))
            return True
        if found is not None:
            self._open(found)
        return found is not None

    def open_text(self, name: str, text: str) -> None:
        """Begin from the Modelfile of an installed model, under a name of its own."""
        base, _, tag = name.partition(":")
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        body = "\n".join(_from_name(line, name) for line in lines).strip() + "\n"
        own = f"{base}-custom" + (f":{tag}" if tag and tag != "latest" else "")
        self._open(Proposal(body, Path.home(), own))

    def open_example(self, file: str) -> None:
        """Begin from a shipped example, on an installed model if there is one."""
        text = resource("modelfiles", file).read_text(encoding="utf-8")
        for model in self.models()[:1]:
            text = _FROM_MODEL.sub(f"FROM {model}", text)
        self._open(Proposal(text, Path.home(), Path(file).stem))

    def create(self) -> None:
        """Create the model."""
        self.check()
        if self.can_create:
            self._set_busy(True)
            self.tasks.start("create", self._create(parse(self.text)), on_error=self._fail)

    def cancel(self) -> None:
        """Stop creating; nothing half-made is left behind."""
        self.tasks.cancel("create")
        self._set_busy(False)

    def _open(self, found: Proposal) -> None:
        self.text, self.folder, self.name = found.text, found.folder, found.name
        self.opened.emit()
        self.check()

    async def _create(self, modelfile: Modelfile) -> None:
        name = self.name
        statuses = create_from_modelfile(self.session.client, name, modelfile, self.folder)
        async with aclosing(statuses):
            async for status in statuses:
                self.progressed.emit(str(status.get("status", "")), _fraction(status))
        self._set_busy(False)
        self.session.refresh()
        self.created.emit(name)

    def _fail(self, error: PunaError) -> None:
        self._set_busy(False)
        self.failed.emit(error)

    def _set_busy(self, busy: bool) -> None:
        if busy != self.is_busy:
            self.is_busy = busy
            self.busy_changed.emit(busy)

    def _missing_files(self) -> list[Problem]:
        """Lines that name a file which is not there."""
        found: list[Problem] = []
        for number, line in enumerate(self.text.splitlines(), start=1):
            keyword, _, rest = line.strip().partition(" ")
            target = rest.strip().strip('"')
            if keyword.upper() in ("FROM", "ADAPTER", "DRAFT") and _is_path(target):
                path = self.folder / Path(target).expanduser()
                if not path.exists():
                    column = line.index(target) + 1
                    text = self.tr("There is no file {0}").format(path)
                    found.append(Problem(number, column, column + len(target), text))
        return found


def _is_path(text: str) -> bool:
    return text.startswith(("/", "./", "../", "~/", ".\\")) or text.lower().endswith(".gguf")


def _from_name(line: str, name: str) -> str:
    """The FROM line of a shown Modelfile names a blob; the model's name says the same."""
    return f"FROM {name}" if line.upper().startswith("FROM ") else line


def _fraction(status: dict[str, Any]) -> float:
    total = status.get("total") or 0
    return (status.get("completed") or 0) / total if total else -1.0
