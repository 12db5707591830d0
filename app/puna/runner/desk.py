"""What takes time beside the main thread: prompts, and texts as tokens."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

from puna.errors import PunaError
from puna.runner.failures import failed
from puna.runner.protocol import (
    Conversation,
    Detokenize,
    Embed,
    Failed,
    Generate,
    Raw,
    Render,
    Rerank,
    Tokenize,
)

logger = logging.getLogger(__name__)

Paperwork: TypeAlias = Generate | Embed | Rerank | Tokenize | Detokenize | Render
"""Requests that begin with work for the desk."""

_LONG = 1 << 18
"""Characters of a request from which on it has to wait for other long ones."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The desk is done with a request."""

    request: Paperwork
    future: Future[Any]

    def failure(self) -> Failed | None:
        """The report of what went wrong, if something did."""
        error = self.future.exception()
        if error is None:
            return None
        if not isinstance(error, PunaError):
            logger.error("a request could not be prepared", exc_info=error)
        return failed(self.request.id, error)


class Desk:
    """Two threads that share nothing with the loop but the vocabulary.

    One is for long texts, so that nobody else waits for them.

    Args:
        work: what there is to do for a request; called by a thread.
        done: is given what came of it, by any thread.
        begin: called by each thread before anything else.
    """

    def __init__(
        self,
        work: Callable[[Paperwork], Any],
        done: Callable[[Prepared], object],
        begin: Callable[[], None] = lambda: None,
    ) -> None:
        self._work = work
        self._done = done
        self._short = ThreadPoolExecutor(1, "short texts", begin)
        self._long = ThreadPoolExecutor(1, "long texts", begin)
        self._open: dict[int, Future[Any]] = {}
        self._soon: set[int] = set()

    @property
    def is_quick(self) -> bool:
        """Whether something will be done in a moment."""
        return bool(self._soon)

    def begin(self, request: Paperwork) -> None:
        """Have the work of a request done; it ends with ``done``, unless it is cancelled."""
        is_long = _size(request) > _LONG
        future = (self._long if is_long else self._short).submit(self._work, request)
        self._open[request.id] = future
        if not is_long:
            self._soon.add(request.id)
        future.add_done_callback(lambda found: self._done(Prepared(request, found)))

    def cancel(self, request_id: int) -> bool:
        """Forget a request; False when it is not here."""
        self._soon.discard(request_id)
        future = self._open.pop(request_id, None)
        return future is not None and (future.cancel() or True)

    def collect(self, prepared: Prepared) -> bool:
        """Take what is done; False when nobody waits for it any more."""
        self._soon.discard(prepared.request.id)
        return self._open.pop(prepared.request.id, None) is not None


def _size(request: Paperwork) -> int:
    """Characters of the texts of a request."""
    match request:
        case Generate(prompt=prompt) | Tokenize(prompt=prompt) | Render(prompt=prompt):
            return _prompt_size(prompt)
        case Embed(inputs=inputs):
            return sum(map(len, inputs))
        case Rerank(query=query, documents=documents):
            return len(query) + sum(map(len, documents))
        case Detokenize(tokens=tokens):
            return len(tokens)


def _prompt_size(prompt: Raw | Conversation) -> int:
    if isinstance(prompt, Raw):
        return len(prompt.text)
    return sum(len(message.content) for message in prompt.messages)
