"""One request to a runner and what comes back for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from puna.errors import (
    CapabilityMissing,
    ContextExceeded,
    InvalidInput,
    ModelLoadError,
    OutOfMemory,
    PunaError,
    RequestCanceled,
    RunnerError,
    TemplateError,
)
from puna.runner.protocol import (
    Adapt,
    Adapted,
    Delta,
    Detokenize,
    Embed,
    Embedded,
    Failed,
    Finished,
    Generate,
    Progress,
    Ranked,
    Render,
    Rerank,
    Text,
    Tokenize,
    Tokens,
)

Request: TypeAlias = Generate | Embed | Rerank | Adapt | Tokenize | Detokenize | Render
Result: TypeAlias = Finished | Embedded | Ranked | Adapted | Tokens | Text
Answer: TypeAlias = Delta | Progress | Result

_ABORT_PATIENCE = 0.5
"""Seconds to wait until a runner confirms that it dropped a request."""

_DYING = 0.25
"""Seconds from the death of a process until we know of it, at most."""

_ERRORS: dict[str, type[PunaError]] = {
    "invalid": InvalidInput,
    "template": TemplateError,
    "capability": CapabilityMissing,
    "load": ModelLoadError,
    "memory": OutOfMemory,
    "canceled": RequestCanceled,
    "internal": RunnerError,
}


def error_of(failed: Failed) -> PunaError:
    """The error that a runner's :class:`Failed` stands for."""
    if failed.kind == "context":
        return ContextExceeded(
            failed.text,
            prompt_tokens=failed.detail.get("prompt_tokens", 0),
            context_length=failed.detail.get("context_length", 0),
        )
    return _ERRORS[failed.kind](failed.text)


class Exchange:
    """Receives the reports of one request in order, up to its one end.

    The runner process feeds it; exactly one task reads it.

    Attributes:
        request: what was sent.
        has_output: a :class:`Delta` came.
        may_retry: set by a crash: the request is most likely not its cause.
    """

    def __init__(self, request: Request, abort: Callable[[int], None]) -> None:
        self.request = request
        self.has_output = False
        self.may_retry = False
        self._loop = asyncio.get_running_loop()
        self._opened_at = self._loop.time()
        self._abort = abort
        self._answers: deque[Answer | PunaError] = deque()
        self._arrival: asyncio.Future[None] | None = None
        self._ended = asyncio.Event()

    @property
    def is_risky(self) -> bool:
        """The request has a grammar or opens a file: the likeliest ways to kill a runner."""
        request = self.request
        return isinstance(request, Adapt) or (
            isinstance(request, Generate) and request.constraint is not None
        )

    def is_cause_unlikely(self, *, others_risky: bool) -> bool:
        """Whether a crash now has nothing to do with this request.

        Either another request is risky, or the runner died so soon that it
        must have been dying when the request came. An answer that has begun
        cannot be made again.
        """
        if self.is_risky or self.has_output:
            return False
        age = self._loop.time() - self._opened_at
        return others_risky or age < _DYING

    def put(self, answer: Delta | Progress) -> None:
        """A part of the answer came."""
        self.has_output = self.has_output or isinstance(answer, Delta)
        self._deliver(answer)

    def end(self, outcome: Result | PunaError) -> None:
        """The last word; later ones are ignored."""
        if not self._ended.is_set():
            self._ended.set()
            self._deliver(outcome)

    def _deliver(self, answer: Answer | PunaError) -> None:
        self._answers.append(answer)
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)

    async def next(self) -> Answer:
        """The next report.

        Raises:
            PunaError: how the request failed.
        """
        if not self._answers:
            # With one reader a future does what a queue does, at a third of the cost per token.
            self._arrival = self._loop.create_future()
            await self._arrival
        answer = self._answers.popleft()
        if isinstance(answer, PunaError):
            raise answer
        return answer

    async def close(self) -> None:
        """Drop the request unless it ended; wait shortly for the runner to do so."""
        if self._ended.is_set():
            return
        self._abort(self.request.id)
        try:
            async with asyncio.timeout(_ABORT_PATIENCE):
                await self._ended.wait()
        except TimeoutError:
            return
