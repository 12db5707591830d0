"""Commands of the parent, between the steps of the loop."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any, TypeAlias

from puna.errors import CapabilityMissing, PunaError
from puna.runner.desk import Desk, Paperwork, Prepared
from puna.runner.embedding import EmbeddingFailed, Embeddings
from puna.runner.failures import failed
from puna.runner.generating import Generations
from puna.runner.loading import OpenModel
from puna.runner.loop import Loop
from puna.runner.outbox import Outbox
from puna.runner.parked import ParkedConversations
from puna.runner.prompts import Prompts, Window
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
    Settled,
    Tokenize,
    Trim,
)
from puna.runner.slots import SlotTable
from puna.runner.spare_reading import SpareReading

logger = logging.getLogger(__name__)

_COMPANY_S = 0.012
_PARK_AFTER_S = 0.1
_MEASURE_AFTER_S = 0.5
_WRITE_AFTER_S = 5.0


class Closed:
    """The parent closed the pipe."""


Item: TypeAlias = Command | Closed | Prepared


class Service:
    """Serves one opened model until the parent goes.

    All methods but :meth:`interrupt` belong to the main thread.
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
        self._loop = Loop(opened, self._slots, outbox.send, self._attend)
        self._prompts = _prompts(opened)
        self._generations = Generations(opened, self._prompts)
        spare = SpareReading(opened, self._slots, self._loop.room)
        self._embeddings = Embeddings(opened, spare)
        self._desk = Desk(self._work, inbox.put, opened.placement.leave)
        self._open = True

    def run(self) -> None:
        """Serve until the pipe is closed."""
        while self._open:
            self._drain()
            if self._desk.is_quick and self._loop.reads:
                self._await_company()
            if self._embeddings.busy:
                self._embed()
            if self._loop.busy:
                self._loop.step()
            elif self._open and not self._embeddings.busy:
                self._rest()

    def interrupt(self, request_id: int | None) -> None:
        """Stop the running batch if it may be stopped for this request; for ``None`` in any case.

        Called by the reader thread, after the command itself was queued.
        """
        if request_id is None or self._loop.may_interrupt(request_id):
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

    def _attend(self) -> bool:
        """In the middle of a step that takes long: what need not wait for its end."""
        self._drain()
        if self._embeddings.busy:
            self._embed()
        return self._open

    def _await_company(self) -> None:
        """Prompts that come together are read together: that takes less than one after the other."""
        until = time.monotonic() + _COMPANY_S
        while self._open and (left := until - time.monotonic()) > 0:
            if not self._desk.is_quick and self._inbox.empty():
                return
            with contextlib.suppress(Empty):
                self._take(self._inbox.get(timeout=left))

    def _rest(self) -> None:
        """Nothing to do: tidy up a little, look for commands in between, then sleep."""
        self._opened.placement.apply()
        chores: tuple[tuple[float, Callable[[], bool]], ...] = (
            (_PARK_AFTER_S, self._slots.park_next),
            (_PARK_AFTER_S, self._parked.make_room),
            (_PARK_AFTER_S, self._settle),
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

    def _settle(self) -> bool:
        """Take what the cache was promised; whether there is more to take."""
        memory = self._opened.cache_memory
        if not memory.untouched:
            return False
        more = memory.take_next()
        if not memory.untouched:
            self._outbox.send(Settled())
        return more

    def _take(self, item: Item) -> None:
        match item:
            case Closed():
                self._open = False
            case Generate() if self._opened.options.embedding:
                error = CapabilityMissing("this model does not generate text")
                self._outbox.send(failed(item.id, error))
            case Generate() | Embed() | Rerank() | Tokenize() | Detokenize() | Render():
                self._desk.begin(item)
            case Prepared():
                self._begin(item)
            case Abort():
                self._abort(item.id)
            case Trim():
                self._slots.save_all()
                self._parked.write_all()
            case Adapt():
                self._answer(item.id, lambda: self._adapt(item))
            case Load():
                logger.warning("a second load was ignored")

    def _work(self, request: Paperwork) -> Any:
        """What the desk does for a request."""
        match request:
            case Generate():
                return self._generations.prepare(request)
            case Embed() | Rerank():
                return self._embeddings.prepare(request)
            case _:
                return self._prompts.answer(request)

    def _begin(self, prepared: Prepared) -> None:
        if not self._desk.collect(prepared):
            return
        failure = prepared.failure()
        if failure is not None:
            self._outbox.send(failure)
            return
        request, result = prepared.request, prepared.future.result()
        match request:
            case Generate():
                self._answer(
                    request.id, lambda: self._loop.submit(self._generations.start(request, result))
                )
            case Embed() | Rerank():
                self._answer(request.id, lambda: self._embeddings.add(request, result))
            case _:
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

    def _adapt(self, request: Adapt) -> Adapted:
        self._opened.adapters.load(request.adapters)
        return Adapted(request.id, self._opened.adapters.memory)

    def _abort(self, request_id: int) -> None:
        if self._loop.cancel(request_id):
            return
        if self._desk.cancel(request_id) or self._embeddings.cancel(request_id):
            self._outbox.send(Failed(request_id, "canceled", "request canceled"))

    def _embed(self) -> None:
        try:
            for report in self._embeddings.step():
                self._outbox.send(report)
        except EmbeddingFailed as error:
            for request_id in error.ids:
                self._outbox.send(failed(request_id, error))


def _prompts(opened: OpenModel) -> Prompts:
    return Prompts(
        opened.model.vocabulary,
        Window(opened.context_length, opened.window),
        projector=opened.projector,
        # Source: contract 4.9; the cache of this family cannot be shifted.
        shifts=opened.model.metadata("general.architecture") != "deepseek2",
    )
