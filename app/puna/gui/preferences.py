"""What the user chose for the window itself; the server's settings live elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from PySide6.QtCore import QObject, Signal

ZOOMS = (80, 90, 100, 110, 125, 150, 175, 200)


@dataclass(frozen=True, slots=True)
class Choices:
    """One set of choices.

    Attributes:
        language: ``system`` or a key of :data:`puna.gui.language.LANGUAGES`.
        theme: ``system``, ``light`` or ``dark``.
        zoom: size of all texts, % of the system's, one of :data:`ZOOMS`.
        close: what closing the window does: ``ask``, ``hide`` or ``quit``.
        enter_sends: Enter sends and Shift+Enter breaks the line; else Ctrl+Enter sends.
        model: the model last chatted with.
        geometry: the window's place, base64 of ``QWidget.saveGeometry``.
    """

    language: str = "system"
    theme: str = "system"
    zoom: int = 100
    close: str = "ask"
    enter_sends: bool = True
    model: str = ""
    geometry: str = ""


class Preferences(QObject):
    """The choices in force and the file that keeps them.

    Signals:
        changed: :attr:`choices` was replaced and saved.
    """

    changed = Signal()

    def __init__(self, file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._file = file
        self.choices = _read(file)

    def change(self, **values: str | bool | int) -> None:
        """Replace some choices and save all of them."""
        changed = replace(self.choices, **values)  # type: ignore[arg-type]
        if changed != self.choices:
            self.choices = changed
            self._save()
            self.changed.emit()

    def zoom_by(self, steps: int) -> None:
        """Make all texts larger, or smaller, by some steps of :data:`ZOOMS`."""
        nearest = min(ZOOMS, key=lambda zoom: abs(zoom - self.choices.zoom))
        place = ZOOMS.index(nearest) + steps
        self.change(zoom=ZOOMS[max(0, min(place, len(ZOOMS) - 1))])

    def _save(self) -> None:
        self._file.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._file.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(self.choices), indent=2), encoding="utf-8")
        temporary.replace(self._file)


def _read(file: Path) -> Choices:
    """Choices of ``file``; a missing or damaged file, or field, means the default."""
    try:
        stored = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Choices()
    if not isinstance(stored, dict):
        return Choices()
    defaults = Choices()
    known = {
        field.name: stored[field.name]
        for field in fields(Choices)
        if type(stored.get(field.name)) is type(getattr(defaults, field.name))
    }
    return Choices(**known)
