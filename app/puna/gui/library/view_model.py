"""The models page without a widget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QObject, Signal

from puna.errors import InvalidName, PunaError
from puna.gui.catalogue import InstalledModel, LoadedModel
from puna.gui.library.leftovers import Leftovers
from puna.gui.library.offers import Offers
from puna.gui.library.pulls import Pulls
from puna.gui.library.references import model_reference
from puna.gui.library.table_model import ModelTable
from puna.gui.session import Session
from puna.gui.tasks import Tasks
from puna.gui.wording import ability
from puna.names import ModelName


@dataclass(frozen=True, slots=True)
class Details:
    """What ``POST /api/show`` tells of one model, in the order of the page."""

    name: str
    facts: tuple[tuple[str, str], ...] = ()
    modelfile: str = ""
    template: str = ""
    system: str = ""
    parameters: str = ""
    license: str = ""


class LibraryViewModel(QObject):
    """Installed models, one of them in detail, and what can be done with them.

    Signals:
        details_changed: :attr:`details` belongs to another model or is complete now.
        removed: name of a model that left the list; :meth:`bring_back` undoes it.
        failed: what was tried and the error.
    """

    details_changed = Signal()
    removed = Signal(str)
    failed = Signal(str, object)

    def __init__(self, session: Session, pulls: Pulls, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = session
        self.pulls = pulls
        self.leftovers = Leftovers(session, pulls, self)
        self.leftovers.failed.connect(self.failed)
        self.offers = Offers(session, pulls, self)
        self.table = ModelTable(self)
        self.tasks = Tasks(self)
        self.tasks.failed.connect(self.failed)
        self.details: Details | None = None
        self._hidden: set[str] = set()
        session.models_changed.connect(self._show_models)
        session.loaded_changed.connect(self._show_loaded)
        self._show_models()
        self._show_loaded()

    @property
    def models(self) -> tuple[InstalledModel, ...]:
        """The models on the page."""
        return tuple(m for m in self.session.models if m.name not in self._hidden)

    def loaded(self, name: str) -> LoadedModel | None:
        """The model when it is in memory."""
        return self.session.loaded_model(name)

    def watch(self, watched: bool) -> None:
        """Somebody looks at the page, or nobody."""
        self.leftovers.watch(watched)
        self.offers.watch(watched)

    def pull(self, text: str) -> bool:
        """Download the model that ``text`` names in any of the usual ways; whether it names one."""
        name = model_reference(text)
        if name:
            self.pulls.start(name)
        return bool(name)

    def select(self, name: str) -> None:
        """Show the details of a model; an empty name shows none."""
        self.details = Details(name) if name else None
        self.details_changed.emit()
        if name:
            self.tasks.start("show", self._show(name), on_error=self._fail_details)

    def load(self, name: str) -> None:
        """Bring a model into memory."""
        self.tasks.start(f"load {name}", self._load(name))

    def unload(self, name: str) -> None:
        """Take a model out of memory."""
        self.tasks.start(f"unload {name}", self._unload(name))

    def unload_all(self) -> None:
        """Free the memory of all models."""
        for model in self.session.loaded:
            self.unload(model.name)

    def copy(self, source: str, destination: str) -> None:
        """Give a model a second name."""
        self.tasks.start("copy", self._copy(source, destination, rename=False))

    def rename(self, source: str, destination: str) -> None:
        """Give a model another name."""
        self.tasks.start("rename", self._copy(source, destination, rename=True))

    def remove(self, name: str) -> None:
        """Take a model off the page; :meth:`forget` deletes it."""
        self._hidden.add(name)
        if self.details is not None and self.details.name == name:
            self.select("")
        self._show_models()
        self.removed.emit(name)

    def bring_back(self, name: str) -> None:
        """Undo :meth:`remove`."""
        self._hidden.discard(name)
        self._show_models()

    def forget(self, name: str) -> None:
        """Delete a removed model for good; one that was brought back stays."""
        if name in self._hidden:
            self.tasks.start(f"delete {name}", self._delete(name))

    async def aclose(self) -> None:
        """Carry out deletions whose time to undo was cut short, then stop."""
        for name in tuple(self._hidden):
            try:
                await self.session.client.delete(name)
            except PunaError:
                break
        await self.leftovers.aclose()
        await self.offers.tasks.aclose()
        await self.tasks.aclose()

    def _show_models(self) -> None:
        self.table.show_models(self.models)

    def _show_loaded(self) -> None:
        self.table.show_loaded(self.session.loaded)

    async def _load(self, name: str) -> None:
        await self.session.client.load(name)
        self.session.refresh()

    async def _unload(self, name: str) -> None:
        await self.session.client.unload(name)
        self.session.refresh()

    async def _copy(self, source: str, destination: str, *, rename: bool) -> None:
        await self.session.client.copy(source, destination)
        if rename:
            await self.session.client.delete(source)
        self.session.refresh()

    async def _delete(self, name: str) -> None:
        try:
            await self.session.client.delete(name)
        finally:
            self._hidden.discard(name)
            self.session.refresh()
            self._show_models()

    async def _show(self, name: str) -> None:
        answer = await self.session.client.show(name)
        self.details = details_from(name, answer)
        self.details_changed.emit()

    def _fail_details(self, error: PunaError) -> None:
        self.failed.emit("show", error)


def name_problem(text: str) -> str:
    """Why ``text`` cannot be a model's name; empty when it can, and for an empty text."""
    if not text.strip():
        return ""
    try:
        ModelName.checked(text.strip())
    except InvalidName as error:
        return str(error)
    return ""


def details_from(name: str, answer: dict[str, Any]) -> Details:
    """Read the answer of ``POST /api/show``."""
    details = answer.get("details") or {}
    info = answer.get("model_info") or {}
    architecture = str(info.get("general.architecture") or details.get("family") or "")
    facts = (
        ("architecture", architecture),
        ("parameters", str(details.get("parameter_size") or "")),
        ("quantization", str(details.get("quantization_level") or "")),
        ("context", str(info.get(f"{architecture}.context_length") or "")),
        ("embedding", str(info.get(f"{architecture}.embedding_length") or "")),
        ("capabilities", ", ".join(map(ability, answer.get("capabilities") or ()))),
    )
    return Details(
        name=name,
        facts=tuple(fact for fact in facts if fact[1]),
        modelfile=str(answer.get("modelfile") or ""),
        template=str(answer.get("template") or ""),
        system=str(answer.get("system") or ""),
        parameters=str(answer.get("parameters") or ""),
        license=str(answer.get("license") or ""),
    )
