"""One answer of a loaded model: what the runner reports becomes events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from puna.chat.call_grammar import CallGrammar
from puna.chat.events import (
    Event,
    Finished,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallEvent,
    Usage,
)
from puna.chat.messages import Message, Tool
from puna.chat.parsers.base import OutputParser, Reasoning
from puna.chat.parsing import Answer, parser_for
from puna.engine.lease import Lease
from puna.runner.protocol import Constraint, Conversation, Delta, Generate, Progress, Raw, Render
from puna.services.calls import Calls
from puna.services.forced_calls import StrictCalls
from puna.services.formats import constraint_of
from puna.services.option_values import Merged
from puna.services.profile import Profile
from puna.services.requests import Closing, Controls, PromptRead

_TAIL = 256
"""Characters at the end of a prompt that may hold an opening tag."""


@dataclass(frozen=True, slots=True)
class Job:
    """An accepted request with a prompt.

    Attributes:
        tools: what the model may call.
        calls: the answer has to be one of these.
        held: calls that the model is free to make have to be these; not with a format.
        one_call: what the model calls after the first call is dropped.
        of_generate: ``/api/generate``: tokens without visible text count as
            empty deltas, and the tokens of the answer are reported.
        context_length: tokens the request may use, ``None`` = all the model has.
        warnings: what is not done as it was asked for.
    """

    profile: Profile
    controls: Controls
    prompt: Raw | Conversation
    tools: tuple[Tool, ...] = ()
    of_generate: bool = False
    context_length: int | None = None
    calls: CallGrammar | None = None
    held: StrictCalls | None = None
    one_call: bool = False
    warnings: tuple[str, ...] = ()


async def answer(
    lease: Lease, job: Job, options: Merged, on_usage: Callable[[Usage], None]
) -> AsyncGenerator[PromptRead | Closing | Event, None]:
    """The events of one answer; :class:`Finished` is the last.

    ``on_usage`` is told what the answer took, unless it fails or is left before.

    Raises:
        PunaError: the request is refused or the runner fails.
    """
    circumstances = await _circumstances(lease, job)
    parser = parser_for(job.profile.output, circumstances)
    calls = Calls(at_end=job.profile.template.kind == "jinja", only_first=job.one_call)
    request = _request(lease, job, options, _constraint(job, parser.reasoning))
    async with aclosing(lease.generate(request)) as reports:
        async for report in reports:
            if isinstance(report, Delta):
                events = parser.feed(report.text)
                if report.logprobs or not _is_text(events):
                    events = calls.passed(_shown(job, events, report.logprobs))
                for event in events:
                    yield event
            elif isinstance(report, Progress):
                if job.controls.progress:
                    yield PromptRead(report.done, report.total)
            else:
                on_usage(report.usage)
                yield Closing()
                for event in calls.closed(parser.close()):
                    yield event
                reason = report.reason
                if reason == "repeat" and not job.controls.tells_repeats:
                    reason = "stop"
                yield Finished(reason, report.usage, _warnings(parser, report.usage))


def _is_text(events: Sequence[Event]) -> bool:
    return len(events) == 1 and type(events[0]) is TextDelta


def _request(lease: Lease, job: Job, options: Merged, constraint: Constraint | None) -> Generate:
    controls = job.controls
    is_raw = isinstance(job.prompt, Raw)
    return Generate(
        id=0,
        prompt=job.prompt,
        sampling=options.sampling,
        constraint=constraint,
        preserved=_preserved(lease, job),
        logprobs=controls.top_logprobs if controls.logprobs else -1,
        truncate=controls.truncate,
        shift=controls.shift,
        want_context=job.of_generate and not is_raw,
        repeat_guard=_guards(job),
        context_length=job.context_length,
        client=controls.client,
        apart=controls.apart,
    )


def _guards(job: Job) -> bool:
    """Whether repetition ends the answer: where it does with Ollama, or on demand."""
    by_path = job.of_generate or job.profile.template.kind == "go"
    return by_path or job.controls.tells_repeats


def _constraint(job: Job, reasoning: Reasoning | None) -> Constraint | None:
    """What the answer is held to; calls leave room for reasoning only where it has begun."""
    after = reasoning.closings if reasoning else ()
    unless = "" if reasoning is None or reasoning.begun else reasoning.opening
    if job.calls is not None:
        begun = reasoning is not None and reasoning.begun and bool(reasoning.opening)
        return Constraint("calls", after=after if begun else (), calls=job.calls)
    if job.held is None or job.controls.format:
        return constraint_of(job.controls.format, after=after, unless=unless)
    # A family reads a call in its reasoning as one; elsewhere what is thought of calling is none.
    after, unless = ((), "") if job.profile.output.family else (after, unless)
    return Constraint(
        "calls",
        after=after,
        unless=unless,
        triggers=(job.held.start,),
        at_start=job.held.at_start,
        calls=job.held.grammar,
    )


def _preserved(lease: Lease, job: Job) -> tuple[str, ...]:
    """Control tokens that the parser must see as text."""
    output = job.profile.output
    if output.family or job.calls is not None or job.held is not None:
        return lease.loaded.control_tokens
    tags = output.thinking_tags or ()
    return (*tags, output.tool_tag) if output.tool_tag else tags


def _thinks(job: Job) -> bool:
    think = job.controls.think
    return job.profile.output.thinking_tags is not None and (think is None or think.enabled)


async def _circumstances(lease: Lease, job: Job) -> Answer:
    """What the parser must know; the prompt is rendered when its end may open thinking."""
    tail = ""
    if _thinks(job):
        tail = (await lease.render(Render(0, job.prompt, truncate=False))).text[-_TAIL:]
    return Answer(job.tools, job.controls.think, _last_message(job), tail)


def _last_message(job: Job) -> Message | None:
    prompt = job.prompt
    return prompt.messages[-1] if isinstance(prompt, Conversation) and prompt.messages else None


def _shown(
    job: Job, events: Sequence[Event], logprobs: tuple[TokenLogprob, ...]
) -> Sequence[Event]:
    """The events of one report, which carry its log probabilities.

    A report that shows nothing yet is a tag or a piece of a tool call. Chat
    passes on the log probabilities of a call, generate all of them.

    Source: contract 4.4 and 4.7.
    """
    carrier = next((at for at, event in enumerate(events) if isinstance(event, _CARRIERS)), None)
    if carrier is None:
        silent = not job.of_generate and (_thinks(job) or not logprobs)
        return events if silent else [TextDelta("", logprobs), *events]
    shown = events[carrier]
    if logprobs and isinstance(shown, _CARRIERS):
        return [*events[:carrier], replace(shown, logprobs=logprobs), *events[carrier + 1 :]]
    return events


_CARRIERS = (TextDelta, ThinkingDelta, ToolCallEvent)


def _warnings(parser: OutputParser, usage: Usage) -> tuple[str, ...]:
    return (*usage.warnings, *parser.warnings)
