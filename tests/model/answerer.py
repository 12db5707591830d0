"""A runner's service in this process, step by step, with guesses that cost nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from queue import SimpleQueue

from puna.runner.loading import open_model
from puna.runner.log import NativeLog
from puna.runner.parked import ParkedConversations
from puna.runner.protocol import (
    Embed,
    Failed,
    Finished,
    Generate,
    LoadOptions,
    Raw,
    Report,
    Sampling,
    Step,
)
from puna.runner.row_costs import RowCosts
from puna.runner.service import Item, Service


class FreeRows(RowCosts):
    """Rows that cost nothing: everything is guessed that can be."""

    on = True

    @property
    def relative(self) -> Mapping[int, float]:
        return dict.fromkeys(self._rows, 1.0) if self.on else {}

    def forget(self) -> None:
        self.on = False


class Sink:
    """Keeps the reports of a service."""

    def __init__(self) -> None:
        self.reports: list[Report] = []

    def send(self, report: Report) -> None:
        self.reports.append(report)


class Answerer:
    """Answers requests, and tells how many batches that took."""

    def __init__(self, model: Path, **options: object) -> None:
        settings = {"context_length": 512, "parallel": 2, **options}
        log = NativeLog()
        self.opened = open_model(LoadOptions((str(model),), **settings), log, lambda _: None)
        self.sink, self.inbox = Sink(), SimpleQueue[Item]()
        parked = ParkedConversations(0, None)
        self.service = Service(self.opened, parked, self.sink, self.inbox)  # type: ignore[arg-type]
        guessing = self.service._loop.guessing
        self.measured = guessing.rows
        self.costs = guessing.rows = FreeRows(self.opened, [n - 1 for n in self.measured._rows[1:]])
        self.batches = 0

    def begin(self, request: Generate | Embed) -> None:
        """Take a request up to where it waits for its turn."""
        self.service._take(request)
        self.service._take(self.inbox.get(timeout=60))

    def answer(self, *requests: Generate) -> list[Report]:
        """All reports until these requests have ended."""
        self.sink.reports.clear()
        for request in requests:
            self.begin(request)
        self.batches = 0
        while self.service._loop.busy:
            self.service._loop.step()
            self.batches += 1
        assert not any(isinstance(report, Failed) for report in self.sink.reports)
        return list(self.sink.reports)

    def say(self, text: str, **options: object) -> tuple[str, int, int]:
        """The text, its tokens, and the batches it took."""
        extra = {k: options.pop(k) for k in ("adapters", "constraint", "logprobs") if k in options}
        sampling = Sampling(**{"temperature": 0.0, "num_predict": 40, **options})
        reports = self.answer(Generate(1, Raw(text), sampling, **extra))
        deltas = [d for report in reports if isinstance(report, Step) for d in report.deltas]
        (finished,) = (report for report in reports if isinstance(report, Finished))
        said = "".join(delta.text for delta in deltas)
        return said, finished.usage.completion_tokens, self.batches

    def both(self, ask: Callable[[], tuple[str, int, int]]) -> list[tuple[str, int, int]]:
        """With guesses, then without."""
        self.costs.on = True
        first = ask()
        self.costs.on = False
        return [first, ask()]
