"""The downloads above the table: one line each."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QFrame, QLabel, QProgressBar, QWidget

from puna.gui.controls import ElidedLabel, button, column, icon_button, label, row
from puna.gui.library.card_list import CardList
from puna.gui.library.pulls import Pull, Pulls, PullState
from puna.gui.wording import duration, fault, size


class PullView(CardList):
    """All downloads of the window."""

    def __init__(self, pulls: Pulls, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pulls = pulls
        self._rows: list[PullRow] = []
        pulls.listed.connect(self._draw)
        pulls.progressed.connect(self._update)
        self._draw()

    def _draw(self) -> None:
        self._rows = [PullRow(pull, self._pulls) for pull in self._pulls.items]
        self.show_cards(self._rows)

    def _update(self) -> None:
        for line in self._rows:
            line.show_progress()


class PullRow(QFrame):
    """Name, bar, numbers and what can be done."""

    def __init__(self, pull: Pull, pulls: Pulls) -> None:
        super().__init__()
        self.setObjectName("cardSoft")
        self._pull = pull
        self._bar = QProgressBar()
        self._bar.setRange(0, 1000)
        self._bar.setAccessibleName(self.tr("Download of {0}").format(pull.name))
        self._facts: QLabel = label("", "small", wrap=pull.state is PullState.FAILED)
        if pull.state is PullState.FAILED:
            self._facts.setProperty("role", "danger")
        name = ElidedLabel(pull.name, "strong")
        words = column(row(name), self._bar, self._facts, spacing=4)
        if pull.outlook is not None:
            role = "warning" if pull.outlook.is_doubtful else "small"
            words.insertWidget(1, label(pull.outlook.words(), role, wrap=True))
        line = row(margins=10, spacing=4)
        line.addLayout(words, 1)
        for one in self._buttons(pulls):
            line.addWidget(one)
        self.setLayout(line)
        self.show_progress()

    def show_progress(self) -> None:
        """Show how far it is now."""
        progress = self._pull.progress
        self._bar.setVisible(self._pull.is_at_work)
        self._bar.setMaximum(1000 if progress.total else 0)
        self._bar.setValue(round(progress.fraction * 1000))
        text = self._text()
        self._facts.setText(text)
        self._facts.setVisible(bool(text))

    def _buttons(self, pulls: Pulls) -> list[QWidget]:
        name = self._pull.name
        cancel = icon_button("close", self.tr("Cancel download"), partial(pulls.cancel, name))
        if self._pull.state is PullState.DOUBTED:
            return [button(self.tr("Pull anyway"), partial(pulls.insist, name)), cancel]
        if self._pull.is_at_work:
            return [icon_button("pause", self.tr("Pause"), partial(pulls.pause, name)), cancel]
        return [icon_button("play", self.tr("Resume"), partial(pulls.start, name)), cancel]

    def _text(self) -> str:
        match self._pull.state:
            case PullState.FAILED if self._pull.error is not None:
                detail = str(self._pull.error)
                text = fault(self._pull.error)
                return text if text == detail else f"{text} ({detail})"
            case PullState.CHECKING:
                return self.tr("Asking for its size…")
            case PullState.PAUSED:
                return self._paused()
            case PullState.RUNNING:
                return self._running()
            case _:
                return ""

    def _paused(self) -> str:
        progress = self._pull.progress
        if not progress.total:
            return self.tr("Paused – what has arrived is kept")
        return self.tr("Paused – {0} of {1} have arrived and are kept").format(
            size(progress.done), size(progress.total)
        )

    def _running(self) -> str:
        progress = self._pull.progress
        if not progress.total:
            return progress.status or self.tr("Connecting…")
        facts = [
            f"{round(progress.fraction * 100)} %",
            self.tr("{0} of {1}").format(size(progress.done), size(progress.total)),
        ]
        left = progress.seconds_left
        if left is not None and progress.done < progress.total:
            facts.append(f"{size(progress.speed)}/s")
            facts.append(self.tr("{0} left").format(duration(left)))
        elif progress.done >= progress.total:
            facts.append(progress.status)
        return "  ·  ".join(facts)
