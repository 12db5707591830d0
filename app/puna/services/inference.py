"""Chat and generate: from a request to the events of its answer.

Both are one way with two beginnings: they differ in how the prompt is made.
The order of the checks is Ollama's (contract ``ollama-http-api`` 5.1).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from puna.chat.events import Finished, Usage
from puna.config.settings import Settings
from puna.engine.config import ModelSpec
from puna.engine.lease import Lease
from puna.engine.scheduler import Scheduler
from puna.errors import CapabilityMissing, InvalidInput
from puna.gotext import quote
from puna.names import split_window
from puna.runner.protocol import Detokenize, Render
from puna.services import prompts
from puna.services.answering import Job, answer
from puna.services.forced_calls import NOT_HELD, Forced, described, forced, strict
from puna.services.loadable import Loadable
from puna.services.loading import Room, model_spec
from puna.services.lookup import find, require_local
from puna.services.metrics import Metrics
from puna.services.option_values import Merged, merge
from puna.services.profile import Profile, Profiles
from puna.services.requests import (
    Answer,
    ChatRequest,
    Controls,
    GenerateRequest,
    Rendered,
    Started,
)
from puna.services.running import Running
from puna.store.installed import InstalledModel
from puna.store.library import Library

MAX_TOP_LOGPROBS = 20


@dataclass(frozen=True, slots=True)
class Subject:
    """The model of a request, with everything known about it.

    ``window``: the tokens that the name asks for, as ``m:8b@16384`` does.
    """

    asked: str
    model: InstalledModel
    profile: Profile
    window: int | None = None

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The model's own, and what its name says."""
        if self.window is None:
            return self.model.parameters
        return {**self.model.parameters, "num_ctx": self.window}


@dataclass(frozen=True, slots=True)
class Accepted:
    """A request that passed all checks that need no loaded model.

    Attributes:
        job: what to answer; ``None`` = only load the model.
        unloads: the model is to go.
    """

    subject: Subject
    controls: Controls
    job: Job | None = None
    unloads: bool = False


class Inference:
    """Runs models for requests.

    Args:
        library: the installed models.
        scheduler: who loads them.
        settings: gives the settings in force.
        state_folder: where runners keep the state of conversations.
        profiles: what models can do.
        loadable: finds, and looks at, the files to open.
        running: is told of each model that is about to be loaded.
        metrics: is told of each answer.
    """

    def __init__(
        self,
        library: Library,
        scheduler: Scheduler,
        settings: Callable[[], Settings],
        state_folder: Callable[[], str],
        profiles: Profiles,
        loadable: Loadable,
        running: Running,
        metrics: Metrics,
    ) -> None:
        self._library = library
        self.scheduler = scheduler
        self._settings = settings
        self._state_folder = state_folder
        self._profiles = profiles
        self._loadable = loadable
        self._running = running
        self._metrics = metrics

    def chat(self, request: ChatRequest) -> AsyncGenerator[Answer, None]:
        """Continue a conversation.

        Yields :class:`Started` and the events of the answer; a lone
        :class:`Finished` for a load or unload; :class:`Rendered` when asked.

        Raises:
            PunaError: any of them; after the first event the answer is lost.
        """
        return self._run(partial(self._accept_chat, request))

    def generate(self, request: GenerateRequest) -> AsyncGenerator[Answer, None]:
        """Answer one prompt; yields and raises as :meth:`chat`."""
        return self._run(partial(self._accept_generate, request))

    async def _accept_chat(self, request: ChatRequest) -> Accepted:
        controls = request.controls
        _check_top_logprobs(controls)
        if not request.model:
            raise InvalidInput("model is required")
        subject = await self.subject(request.model)
        if not request.messages and controls.keep_alive == 0:
            return Accepted(subject, controls, unloads=True)
        controls = prompts.with_thinking(controls, subject.profile, request.model)
        calls = forced(request, subject.profile)
        _require(subject, "chat", tools=bool(request.tools) and calls is None)
        job = _chat_job(request, controls, subject, calls) if request.messages else None
        return Accepted(subject, controls, job)

    async def _accept_generate(self, request: GenerateRequest) -> Accepted:
        controls = request.controls
        _check_top_logprobs(controls)
        subject = await self.subject(request.model)
        if not request.prompt and controls.keep_alive == 0:
            return Accepted(subject, controls, unloads=True)
        if request.raw and (request.template or request.system or request.context):
            raise InvalidInput("raw mode does not support template, system, or context")
        controls = prompts.with_thinking(controls, subject.profile, request.model)
        _require(subject, "generate", insert=bool(request.suffix))
        if not request.prompt:
            return Accepted(subject, controls)
        prompt = prompts.of_generate(request, controls, subject.model, subject.profile)
        return Accepted(subject, controls, Job(subject.profile, controls, prompt, of_generate=True))

    async def subject(self, asked: str, *, missing: str = "") -> Subject:
        """The model that ``asked`` names.

        Raises:
            ModelNotFound, InvalidName, Forbidden, StoreError.
        """
        return await asyncio.to_thread(
            self._subject, asked, missing or f"model '{asked}' not found"
        )

    def _subject(self, asked: str, missing: str) -> Subject:
        settings = self._settings()
        name, window = split_window(asked)
        model = find(self._library, name, missing=missing)
        require_local(model, no_cloud=settings.no_cloud)
        return Subject(asked, model, self._profiles.of(model, settings.go_template), window)

    async def spec(self, subject: Subject, options: Merged) -> ModelSpec:
        """How the model is to be opened for these options.

        Raises:
            InvalidModelFile, ModelLoadError, StoreError: its files cannot be opened.
        """
        with self._running.preparing(subject.model) as report:
            files = await self._loadable.files(subject.model, report)
        self._running.note(subject.model)
        return model_spec(
            subject.model,
            files,
            subject.profile,
            options,
            self._settings(),
            Room.of(self.scheduler),
            self._state_folder(),
        )

    async def _unload(self, subject: Subject) -> Finished:
        for layer in subject.model.model_layers[:1]:
            await self.scheduler.unload(layer.digest.hex)
        return Finished("unload", Usage())

    async def _run(self, accept: Callable[[], Awaitable[Accepted]]) -> AsyncGenerator[Answer, None]:
        """Load the model, then answer; without a job that is all."""
        accepted = await accept()
        subject, controls, job = accepted.subject, accepted.controls, accepted.job
        if accepted.unloads:
            yield await self._unload(subject)
            return
        options = merge(controls.options, subject.parameters)
        spec = await self.spec(subject, options)
        window = None if spec.auto_context else spec.load.context_length
        async with self.scheduler.acquire(spec, controls.keep_alive) as lease:
            if job is None:
                yield Finished("load", Usage())
                return
            if controls.render_only:
                yield await _rendered(lease, Render(0, job.prompt, controls.truncate, window))
                return
            warnings = (*_warnings(options), *job.warnings, *lease.loaded.warnings)
            yield Started(lease.load_ns, warnings, lease.ahead)
            count = partial(self._metrics.answered, subject.model.name.display)
            events = answer(lease, replace(job, context_length=window), options, count)
            async with aclosing(events):
                async for event in events:
                    yield event


async def _rendered(lease: Lease, request: Render) -> Rendered:
    """The prompt as text, after the text of the tokens that come before it."""
    before = request.prompt.before
    earlier = (await lease.detokenize(Detokenize(0, before))).text if before else ""
    found = await lease.render(request)
    return Rendered(earlier + found.text, found.images)


def _chat_job(
    request: ChatRequest, controls: Controls, subject: Subject, calls: Forced | None
) -> Job:
    profile, tools, choice = subject.profile, request.tools, request.tool_choice
    if calls is None:
        prompt = prompts.of_chat(request, controls, subject.model, profile)
        job = Job(profile, controls, prompt, tools, one_call=not choice.parallel)
        if held := strict(request, profile):
            return replace(job, held=held)
        warnings = (NOT_HELD,) if any(tool.is_strict for tool in tools) else ()
        return replace(job, warnings=warnings)
    if not profile.can("tools"):
        request = described(request, subject.model.system)
    prompt = prompts.of_chat(request, controls, subject.model, profile)
    return Job(calls.profile, controls, prompt, tools, calls=calls.grammar)


def _check_top_logprobs(controls: Controls) -> None:
    if not 0 <= controls.top_logprobs <= MAX_TOP_LOGPROBS:
        raise InvalidInput(f"top_logprobs must be between 0 and {MAX_TOP_LOGPROBS}")


def _require(subject: Subject, action: str, **wanted: bool) -> None:
    """Refuse what the model cannot do.

    Raises:
        CapabilityMissing: with Ollama's text.
    """
    if not subject.profile.can("completion"):
        raise CapabilityMissing(f"{quote(subject.asked)} does not support {action}")
    for capability, needed in wanted.items():
        if needed and not subject.profile.can(capability):
            raise CapabilityMissing(f"{subject.model.name.full} does not support {capability}")


def _warnings(options: Merged) -> tuple[str, ...]:
    return tuple(f'unknown option "{name}" was ignored' for name in options.unknown)
