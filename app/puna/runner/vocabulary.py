"""A runner that opens nothing but the vocabulary of a model."""

from __future__ import annotations

from queue import SimpleQueue

from puna.runner.desk import Desk, Paperwork, Prepared
from puna.runner.llama import Vocabulary
from puna.runner.outbox import Outbox
from puna.runner.prompts import Prompts, Window
from puna.runner.protocol import (
    Abort,
    Detokenize,
    Failed,
    Loaded,
    Render,
    Report,
    Text,
    Tokenize,
    Tokens,
)
from puna.runner.service import Closed, Item

_NO_WINDOW = Window(1 << 30, 1 << 30)


def describe(vocabulary: Vocabulary) -> Loaded:
    """What the parent is told of a vocabulary without a model."""
    return Loaded(
        context_length=0,
        slots=1,
        trained_context=0,
        vocab_size=vocabulary.size,
        control_tokens=tuple(vocabulary.control.values()),
    )


class VocabularyService:
    """Answers requests about tokens until the parent goes. Belongs to the main thread."""

    def __init__(self, vocabulary: Vocabulary, outbox: Outbox, inbox: SimpleQueue[Item]) -> None:
        self._prompts = Prompts(vocabulary, _NO_WINDOW)
        self._outbox = outbox
        self._inbox = inbox
        self._desk = Desk(self._work, inbox.put)

    def run(self) -> None:
        """Serve until the pipe is closed."""
        while not isinstance(item := self._inbox.get(), Closed):
            report = self._take(item)
            if report is not None:
                self._outbox.send(report)

    def _take(self, item: Item) -> Report | None:
        match item:
            case Tokenize() | Detokenize() | Render():
                self._desk.begin(item)
            case Prepared() if self._desk.collect(item):
                report: Report = item.failure() or item.future.result()
                return report
            case Abort() if self._desk.cancel(item.id):
                return Failed(item.id, "canceled", "request canceled")
            case _:
                pass
        return None

    def _work(self, request: Paperwork) -> Tokens | Text:
        assert isinstance(request, Tokenize | Detokenize | Render)
        return self._prompts.answer(request)
