"""The activity page."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from functools import partial
from typing import Any

from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QFrame, QLabel, QWidget

from puna.gui.activity.machine import ModelUse
from puna.gui.activity.rows import EntryLine, Lines, MeterLine, ModelLine, TransferLine
from puna.gui.activity.view_model import ActivityViewModel
from puna.gui.controls import column, frame, label
from puna.gui.page import Page

_MOST_ENTRIES = 30


class ActivityView(Page):
    """What the machine has, what models take of it, and what goes on; watches while it is seen."""

    def __init__(self, view_model: ActivityViewModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._view_model = view_model
        self._machine: QLabel = label("", "small", wrap=True)
        self._meters: Lines[Any] = Lines(MeterLine)
        self._models: Lines[Any] = Lines(self._make_model)
        self._transfers: Lines[Any] = Lines(TransferLine)
        self._entries: Lines[Any] = Lines(EntryLine)
        self._entries.setSpacing(6)
        self._no_models: QLabel = label(
            self.tr("None. A model is loaded by the first request for it."), "muted", wrap=True
        )
        self._no_transfers: QLabel = label(self.tr("None."), "muted")
        self._no_entries: QLabel = label(self.tr("Nothing yet."), "muted")
        self._build()
        view_model.changed.connect(self._show)
        view_model.journal.grew.connect(self._show_entries)
        self._show()
        self._show_entries()

    def showEvent(self, event: QShowEvent) -> None:
        """Begin to watch."""
        super().showEvent(event)
        self._view_model.watch()

    def hideEvent(self, event: QHideEvent) -> None:
        """Watch no more."""
        super().hideEvent(event)
        self._view_model.unwatch()

    def _build(self) -> None:
        self.fill(
            self.tr("Activity"),
            _card(self.tr("This computer"), self._machine, self._meters),
            _card(self.tr("Models in memory"), self._no_models, self._models),
            _card(self.tr("Transfers"), self._no_transfers, self._transfers),
            _card(self.tr("Lately"), self._no_entries, self._entries),
        )

    def _make_model(self, model: ModelUse) -> ModelLine:
        return ModelLine(model, partial(self._view_model.unload, model.name))

    def _show(self) -> None:
        view_model = self._view_model
        machine = view_model.machine
        self._machine.setText(self._machine_text())
        self._meters.show_values(_by_place(machine.meters if machine else ()))
        self._models.show_values({model.name: model for model in view_model.models})
        self._transfers.show_values({one.id: one for one in view_model.transfers})
        self._no_models.setVisible(not view_model.models)
        self._no_transfers.setVisible(not view_model.transfers)

    def _machine_text(self) -> str:
        machine = self._view_model.machine
        if machine is None:
            if not self._view_model.was_asked:
                return self.tr("Asking the server…")
            if self._view_model.session.is_connected:
                return self.tr("This server does not tell what the machine has.")
            return self.tr("The server does not answer.")
        facts = [machine.processor] if machine.processor else []
        facts.append(self.tr("%n core(s)", "", machine.cores))
        if not machine.has_gpu and machine.build:
            facts.append(self.tr("no GPU found, models run on the processor"))
        if machine.build:
            facts.append(machine.build)
        return "  ·  ".join(facts)

    def _show_entries(self) -> None:
        entries = list(self._view_model.journal.entries)[:_MOST_ENTRIES]
        self._entries.show_values({entry: entry for entry in entries})
        self._no_entries.setVisible(not entries)


def _by_place(values: tuple[Any, ...]) -> Mapping[Hashable, Any]:
    """Two GPUs may have one name."""
    return {(place, value.name): value for place, value in enumerate(values)}


def _card(title: str, text: QLabel, lines: Lines[Any]) -> QFrame:
    return frame("card", column(label(title, "section"), text, lines, margins=16, spacing=10))
