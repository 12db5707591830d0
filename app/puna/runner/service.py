"""Commands of the parent, between the steps of the loop."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from puna.errors import CapabilityMissing, PunaError
from puna.runner.embedding import EmbeddingFailed, Embeddings
from puna.runner.failures import failed
from puna.runner.generating import Generations
from puna.runner.loading import OpenModel
from puna.runner.loop import Loop
from puna.runner.outbox import Outbox
from puna.runner.parked import ParkedConversations
from puna.runner.prompts import Prompts
from puna.runner.protocol import (
    Abort,
    Adapt,
    Adapted,
    Command,
    Detokenize,
    Embed,
    Failed,
    Generate,
    Load,
    Render,
    Rerank,
    Text,
    Tokenize,
    Tokens,
    Trim,
)
from puna.runner.slots import SlotTable

logger = logging.getLogger(__name__)

_PARK_AFTER_S = 0.1
_MEASURE_AFTER_S = 0.5
_WRITE_AFTER_S = 5.0


class Closed:
    """The parent closed the pipe."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The worker is done with a request."""

    request: Generate | Tokenize | Render
    future: Future[Any]


Item: TypeAlias = Command | Closed | Prepared


class Service:
    """Serves one opened model until the parent goes.

    All methods but :meth:`interrupt` belong to the main thread. Prompts are made
    on one worker thread, which shares nothing with the loop but the vocabulary.
    """

    def __init__(
        self,
        opened: OpenModel,
        parked: ParkedConversations,
        outbox: Outbox,
        inbox: SimpleQueue[Item],
    ) -> None:
        self._opened = opened
        self._outbox = outbox
        self._inbox = inbox
        self._parked = parked
        self._slots = SlotTable(opened.model, opened.context, opened.slots, parked)
        self._loop = Loop(opened, self._slots, outbox.send)
        self._prompts = Prompts(opened)
        self._generations = Generations(opened, self._prompts)
        self._embeddings = Embeddings(opened)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="prompts")
        self._preparing: set[int] = set()
        self._open = True

    def run(self) -> None:
        """Serve until the pipe is closed."""
        while self._open:
            self._drain()
            if self._embeddings.busy:
                self._embed()
            if self._loop.busy:
                self._loop.step()
            elif self._open and not self._embeddings.busy:
                self._rest()

    def interrupt(self, request_id: int | None) -> None:
        """Stop the running batch if it works for this request, or for ``None`` in any case.

        Called by the reader thread, after the command itself was queued.
        """
        if request_id is None or self._loop.holds(request_id):
            self._opened.context.abort()

    # ------------------------------------------------------------ commands

    def _drain(self) -> None:
        # Cleared first: a flag set from here on belongs to a command still queued.
        self._opened.context.clear_abort()
        while self._open:
            try:
                self._take(self._inbox.get_nowait())
            except Empty:
                return

    def _rest(self) -> None:
        """Nothing to do: tidy up a little, look for commands in between, then sleep."""
        chores: tuple[tuple[float, Callable[[], bool]], ...] = (
            (_PARK_AFTER_S, self._slots.park_next),
            (_MEASURE_AFTER_S, self._loop.guessing.measure),
            (_WRITE_AFTER_S, self._parked.write_one),
        )
        for delay, chore in chores:
            try:
                self._take(self._inbox.get(timeout=delay))
            except Empty:
                while self._inbox.empty() and chore():
                    pass
            else:
                return
        self._take(self._inbox.get())

    def _take(self, item: Item) -> None:
        match item:
            case Closed():
                self._open = False
            case Generate() | Tokenize() | Render():
                self._prepare(item)
            case Prepared():
                self._begin(item)
            case Abort():
                self._abort(item.id)
            case Trim():
                self._slots.save_all()
                self._parked.write_all()
            case Embed() | Rerank():
                self._answer(item.id, lambda: self._embeddings.add(item))
            case Adapt():
                self._answer(item.id, lambda: self._adapt(item))
            case Detokenize():
                self._answer(item.id, lambda: self._text(item))
            case Load():
                logger.warning("a second load was ignored")

    def _prepare(self, request: Generate | Tokenize | Render) -> None:
        if isinstance(request, Generate) and self._opened.options.embedding:
            error = CapabilityMissing("this model does not generate text")
            self._outbox.send(failed(request.id, error))
            return
        self._preparing.add(request.id)
        future = self._worker.submit(self._work, request)
        future.add_done_callback(lambda done: self._inbox.put(Prepared(request, done)))

    def _work(self, request: Generate | Tokenize | Render) -> Any:
        """What the worker thread does for a request."""
        match request:
            case Generate():
                return self._generations.prepare(request)
            case Tokenize():
                special = request.add_special
                return self._prompts.tokenize(request.prompt, add_special=special)
            case Render():
                return self._prompts.render(request)

    def _begin(self, prepared: Prepared) -> None:
        request = prepared.request
        if request.id not in self._preparing:
            return
        self._preparing.discard(request.id)
        error = prepared.future.exception()
        if error is not None:
            if not isinstance(error, PunaError):
                logger.error("a prompt could not be made", exc_info=error)
            self._outbox.send(failed(request.id, error))
            return
        result = prepared.future.result()
        match request:
            case Generate():
                self._answer(
                    request.id, lambda: self._loop.submit(self._generations.start(request, result))
                )
            case Tokenize():
                self._outbox.send(Tokens(request.id, tuple(result)))
            case Render():
                self._outbox.send(result)

    def _answer(self, request_id: int, work: Callable[[], Any]) -> None:
        """Do work that answers now, later or with an error."""
        try:
            report = work()
        except PunaError as error:
            self._outbox.send(failed(request_id, error))
            return
        if report is not None:
            self._outbox.send(report)

    def _text(self, request: Detokenize) -> Text:
        vocabulary = self._opened.model.vocabulary
        vocabulary.check(request.tokens)
        data = b"".join(vocabulary.piece(token) for token in request.tokens)
        return Text(request.id, data.decode("utf-8", "replace"))

    def _adapt(self, request: Adapt) -> Adapted:
        self._opened.adapters.load(request.adapters)
        return Adapted(request.id, self._opened.adapters.memory)

    def _abort(self, request_id: int) -> None:
        if request_id in self._preparing:
            self._preparing.discard(request_id)
        elif self._loop.cancel(request_id) or not self._embeddings.cancel(request_id):
            return
        self._outbox.send(Failed(request_id, "canceled", "request canceled"))

    def _embed(self) -> None:
        try:
            for report in self._embeddings.step():
                self._outbox.send(report)
        except EmbeddingFailed as error:
            for request_id in error.ids:
                self._outbox.send(failed(request_id, error))
