"""Tokens of texts and conversations, by a model's own tokeniser."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager

from puna.engine.config import ModelSpec
from puna.engine.lease import Lease
from puna.engine.scheduler import Scheduler
from puna.errors import InvalidInput
from puna.runner.protocol import Detokenize, LoadOptions, Raw, Tokenize
from puna.services import prompts
from puna.services.inference import Inference, Subject
from puna.services.option_values import merge
from puna.services.requests import ChatRequest


class Tokens:
    """Counts, splits and joins tokens.

    A model that is in memory anyway does that beside its other work. Of another
    one nothing but the vocabulary is opened, so nothing has to make room for it.

    Args:
        inference: knows the models.
        scheduler: who loads them.
        vocabularies: who opens their vocabularies.
    """

    def __init__(self, inference: Inference, scheduler: Scheduler, vocabularies: Scheduler) -> None:
        self._inference = inference
        self._scheduler = scheduler
        self._vocabularies = vocabularies

    async def count(self, request: ChatRequest) -> int:
        """Length of the prompt of a chat request, in tokens; raises as :meth:`of_chat`."""
        return len(await self.of_chat(request))

    async def of_chat(self, request: ChatRequest) -> list[int]:
        """The prompt of a chat request, which has at least one message, as token ids.

        Raises:
            PunaError: the model is missing or refuses the request.
        """
        subject = await self._inference.subject(request.model)
        controls = prompts.with_thinking(request.controls, subject.profile, request.model)
        prompt = prompts.of_chat(request, controls, subject.model, subject.profile)
        media = any(message.images for message in prompt.messages)
        async with await self._lease(subject, media=media) as lease:
            return list((await lease.tokenize(Tokenize(0, prompt))).tokens)

    async def tokenize(self, model: str, text: str, *, add_special: bool = True) -> list[int]:
        """Token ids of a text.

        Raises:
            PunaError: the model is missing or does not load.
        """
        async with await self._lease(await self._inference.subject(model)) as lease:
            answer = await lease.tokenize(Tokenize(0, Raw(text), add_special))
        return list(answer.tokens)

    async def detokenize(self, model: str, tokens: Sequence[int]) -> str:
        """Text of token ids.

        Raises:
            InvalidInput: an id that the model does not have.
            PunaError: the model is missing or does not load.
        """
        async with await self._lease(await self._inference.subject(model)) as lease:
            size = lease.loaded.vocab_size
            bad = next((token for token in tokens if not 0 <= token < size), None)
            if bad is not None:
                raise InvalidInput(f"token {bad} is out of range: the model has {size} tokens")
            return (await lease.detokenize(Detokenize(0, tuple(tokens)))).text

    async def _lease(
        self, subject: Subject, *, media: bool = False
    ) -> AbstractAsyncContextManager[Lease]:
        """The model if it is loaded, or has to be because of its projector; else its vocabulary."""
        spec = await self._inference.spec(subject, merge({}, subject.parameters))
        if (media and spec.load.projectors) or self._scheduler.has_ready(spec):
            return self._scheduler.acquire(spec, None)
        return self._vocabularies.acquire(_vocabulary(spec), None)


def _vocabulary(spec: ModelSpec) -> ModelSpec:
    load = LoadOptions(spec.load.paths, kv_overrides=spec.load.kv_overrides, vocabulary_only=True)
    return ModelSpec(spec.key, spec.name, load)
