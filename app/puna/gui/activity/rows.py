"""The lines of the activity page: made once per subject, then only given new values."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QTime
from PySide6.QtWidgets import QFrame, QLabel, QProgressBar, QVBoxLayout, QWidget

from puna.gui.activity.journal import Entry, Kind
from puna.gui.activity.machine import Meter, ModelUse
from puna.gui.activity.view_model import Transfer
from puna.gui.controls import ElidedLabel, button, column, label, row
from puna.gui.wording import number, size

T = TypeVar("T")


class Lines(QVBoxLayout, Generic[T]):
    """Keeps one widget per key, so focus and selection survive each refresh."""

    def __init__(self, make: Callable[[T], Any]) -> None:
        super().__init__()
        self.setContentsMargins(0, 0, 0, 0)
        self.setSpacing(12)
        self._make = make
        self._widgets: dict[Hashable, Any] = {}

    def show_values(self, values: Mapping[Hashable, T]) -> None:
        """Make, update and remove widgets."""
        for key in [key for key in self._widgets if key not in values]:
            gone = self._widgets.pop(key)
            self.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for place, (key, value) in enumerate(values.items()):
            if key not in self._widgets:
                self._widgets[key] = self._make(value)
                self.insertWidget(place, self._widgets[key])
            self._widgets[key].show_value(value)


class _Bar(QProgressBar):
    """A bar in thousandths that is read out as a percentage."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setRange(0, 1000)
        self.setTextVisible(False)
        self.setAccessibleName(name)

    def show_fraction(self, fraction: float) -> None:
        """Show a part, 0 to 1."""
        self.setValue(round(fraction * 1000))
        self.setAccessibleDescription(f"{round(fraction * 100)} %")


class MeterLine(QWidget):
    """Memory of the computer or of a device."""

    def __init__(self, meter: Meter) -> None:
        super().__init__()
        self._name = meter.name or self.tr("Memory")
        self._facts: QLabel = label("", "small")
        self._bar = _Bar(self.tr("Use of {0}").format(self._name))
        head = row(spacing=8)
        head.addWidget(ElidedLabel(self._name, "strong"), 1)
        head.addWidget(self._facts)
        self.setLayout(column(head, self._bar, spacing=5))

    def show_value(self, value: Meter) -> None:
        """Show what is in use."""
        self._bar.show_fraction(value.fraction)
        self._facts.setText(
            self.tr("{0} of {1} in use").format(size(value.used), size(value.total))
        )


class ModelLine(QWidget):
    """A model in memory and what it took."""

    def __init__(self, model: ModelUse, unload: Callable[[], None]) -> None:
        super().__init__()
        self._state: QLabel = label("", "badge")
        self._memory: QLabel = label("", "muted", wrap=True)
        self._facts: QLabel = label("", "small", wrap=True)
        self._bar = _Bar(self.tr("Loading {0}").format(model.name))
        name = label(model.name, "strong")
        out = button(self.tr("Unload"), unload)
        out.setAccessibleName(self.tr("Unload {0}").format(model.name))
        words = column(row(name, self._state, 1), self._bar, self._memory, self._facts, spacing=4)
        line = row(spacing=12)
        line.addLayout(words, 1)
        line.addWidget(out)
        self.setLayout(line)

    def show_value(self, value: ModelUse) -> None:
        """Show what is true now."""
        loading = value.state == "loading"
        self._state.setText(self._state_text(value))
        self._bar.setVisible(loading)
        self._bar.show_fraction(value.progress)
        self._memory.setText(self._memory_text(value))
        self._memory.setVisible(bool(self._memory.text()))
        self._facts.setText("  ·  ".join(self._details(value)))
        self._facts.setVisible(bool(self._facts.text()))

    def _state_text(self, value: ModelUse) -> str:
        if value.state == "loading":
            return self.tr("loading")
        if value.state == "stopping":
            return self.tr("unloading")
        if value.active:
            return self.tr("%n request(s) running", "", value.active)
        return self.tr("ready")

    def _memory_text(self, value: ModelUse) -> str:
        if not value.memory:
            return self.tr("{0} expected").format(size(value.estimated)) if value.estimated else ""
        if not value.estimated:
            return size(value.memory)
        return self.tr("{0} taken, {1} expected").format(size(value.memory), size(value.estimated))

    def _details(self, value: ModelUse) -> list[str]:
        facts = []
        if value.on_gpu and value.layers:
            facts.append(self.tr("{0} of {1} layers on GPU").format(value.layers_gpu, value.layers))
        if value.context_length:
            facts.append(self.tr("context {0}").format(number(value.context_length)))
        if value.slots:
            facts.append(self.tr("%n answer(s) at a time", "", value.slots))
        if value.threads:
            facts.append(self.tr("%n thread(s)", "", value.threads))
        if value.kv_type:
            facts.append(self.tr("cache {0}").format(value.kv_type))
        return facts


class TransferLine(QWidget):
    """A pull or push of anybody."""

    def __init__(self, transfer: Transfer) -> None:
        super().__init__()
        self._facts: QLabel = label("", "small")
        self._bar = _Bar(self.tr("Transfer of {0}").format(transfer.model))
        kind = self.tr("upload") if transfer.kind == "push" else self.tr("download")
        head = row(spacing=8)
        head.addWidget(ElidedLabel(transfer.model, "strong"), 1)
        head.addWidget(label(kind, "badge"))
        self.setLayout(column(head, self._bar, self._facts, spacing=4))

    def show_value(self, value: Transfer) -> None:
        """Show how far it is."""
        self._bar.show_fraction(value.completed / value.total if value.total else 0.0)
        facts = [value.status]
        if value.total:
            facts.append(self.tr("{0} of {1}").format(size(value.completed), size(value.total)))
        self._facts.setText("  ·  ".join(facts))


class EntryLine(QFrame):
    """One thing that happened."""

    def __init__(self, entry: Entry) -> None:
        super().__init__()
        self.setObjectName("clear")
        clock = QTime(entry.at.hour, entry.at.minute, entry.at.second)
        line = row(label(clock.toString("HH:mm:ss"), "small"), spacing=12)
        line.addWidget(ElidedLabel(self._text(entry)), 1)
        self.setLayout(line)

    def show_value(self, _: Entry) -> None:
        """What happened does not change."""

    def _text(self, entry: Entry) -> str:
        words = {
            Kind.CONNECTED: self.tr("The server answers at {0}"),
            Kind.LOST: self.tr("The server at {0} does not answer any more"),
            Kind.LOADED: self.tr("{0} was loaded"),
            Kind.UNLOADED: self.tr("{0} was unloaded"),
            Kind.INSTALLED: self.tr("{0} was installed"),
            Kind.REMOVED: self.tr("{0} was removed"),
            Kind.REFUSED: self.tr("{0} was turned away"),
        }
        return words[entry.kind].format(entry.subject)
