"""The right to use a loaded model for a while."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar, cast

import msgspec

from puna.engine.exchange import Answer, Request
from puna.engine.instance import Instance
from puna.engine.runner_process import RunnerProcess
from puna.errors import OutOfMemory, RunnerCrashed
from puna.runner.protocol import (
    Adapt,
    Adapted,
    Adapter,
    Delta,
    Detokenize,
    Embed,
    Embedded,
    Finished,
    Generate,
    Loaded,
    Progress,
    Ranked,
    Render,
    Rerank,
    Text,
    Tokenize,
    Tokens,
)

R = TypeVar("R", Embedded, Ranked, Adapted, Tokens, Text)


class Lease:
    """Keeps one model loaded while it is held. The id of requests is set here.

    When the runner dies of another request before this one got an answer, the
    request is sent once more to a new runner.

    All methods raise InvalidInput, TemplateError, ContextExceeded,
    CapabilityMissing, OutOfMemory, RunnerError for this request, and
    RunnerCrashed when the runner ended. Cancelling, or closing the generator,
    stops the request in the runner.

    Attributes:
        instance: the model in memory; another one after a renewal.
        load_ns: how long it took until the model was ready, in ns.
        ahead: requests that were to be served before it when it came.
    """

    def __init__(
        self,
        instance: Instance,
        adapters: tuple[Adapter, ...],
        renew: Callable[[Instance], Awaitable[Instance]],
        relieve: Callable[[], None],
        ahead: int = 0,
    ) -> None:
        self.instance = instance
        self.load_ns = 0
        self.ahead = ahead
        self._adapters = adapters
        self._renew = renew
        self._relieve = relieve

    @property
    def loaded(self) -> Loaded:
        """What the runner reported about the model."""
        assert self.instance.loaded is not None
        return self.instance.loaded

    async def adapt(self) -> None:
        """Have the adapters opened, unless they are.

        Raises:
            ModelLoadError: one is not for this model; others may go on using it.
        """
        if self.instance.adapters.issuperset(self._adapters):
            return
        adapted = await self._ask(Adapt(0, self._adapters), Adapted)
        self.instance.adapters.update(self._adapters)
        self.instance.adapter_memory = adapted.memory

    def generate(self, request: Generate) -> AsyncGenerator[Delta | Progress | Finished, None]:
        """Answer a prompt; the last report is :class:`Finished`."""
        answers = self._answers(request)
        return cast(AsyncGenerator[Delta | Progress | Finished, None], answers)

    async def embed(self, request: Embed) -> Embedded:
        """Embed texts or token lists."""
        return await self._ask(request, Embedded)

    async def rerank(self, request: Rerank) -> Ranked:
        """Score documents against a query."""
        return await self._ask(request, Ranked)

    async def tokenize(self, request: Tokenize) -> Tokens:
        """Tokens of a prompt."""
        return await self._ask(request, Tokens)

    async def detokenize(self, request: Detokenize) -> Text:
        """Text of tokens."""
        return await self._ask(request, Text)

    async def render(self, request: Render) -> Text:
        """The prompt text of a conversation."""
        return await self._ask(request, Text)

    async def _ask(self, request: Request, kind: type[R]) -> R:
        async with aclosing(self._answers(request)) as answers:
            async for answer in answers:
                if isinstance(answer, kind):
                    return answer
        raise AssertionError(f"the answer ended without {kind.__name__}")

    async def _answers(self, request: Request) -> AsyncGenerator[Answer, None]:
        """All reports of one request, over two runners at most."""
        if self._adapters and isinstance(request, Generate | Embed | Rerank):
            request = msgspec.structs.replace(request, adapters=self._adapters)
        for last_try in (False, True):
            exchange = (await self._living_runner()).open(request)
            try:
                while True:
                    answer = await exchange.next()
                    yield answer
                    if not isinstance(answer, Delta | Progress):
                        return
            except OutOfMemory:
                self._relieve()
                raise
            except RunnerCrashed as error:
                if error.for_memory:
                    self._relieve()
                if last_try or not exchange.may_retry:
                    raise
            finally:
                await exchange.close()

    async def _living_runner(self) -> RunnerProcess:
        """Our runner; when it died while we held it idle, a new one."""
        if self.instance.runner is None or self.instance.runner.has_crashed:
            self.instance = await self._renew(self.instance)
        assert self.instance.runner is not None
        return self.instance.runner
