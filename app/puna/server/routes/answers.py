"""What routes that answer have in common: the events, and headers that tell more."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import Request
from starlette.responses import Response

from puna.chat.events import Event, Finished
from puna.server.asgi import is_bare
from puna.server.streaming import json_response
from puna.server.translate import native
from puna.services.requests import Answer, Closing, PromptRead, Rendered, Started

STREAM_HEADERS = {"cache-control": "no-cache", "connection": "keep-alive"}
"""Of the dialects that send more than the type."""

_MAX_HEADER = 1000
_CUT = ("prompt_tokens_total", "dropped_messages")

T = TypeVar("T")


async def answer_events(answers: AsyncIterator[Answer]) -> AsyncGenerator[Event, None]:
    """Only what belongs to the answer itself; closes ``answers`` at its end."""
    async with aclosing(answers):  # type: ignore[type-var]
        async for item in answers:
            if not isinstance(item, Started | PromptRead | Closing | Rendered):
                yield item


async def begun(
    answers: AsyncGenerator[Answer, None],
) -> tuple[Answer, AsyncGenerator[Event, None]]:
    """Wait until the answer begins: its first item, and all its events.

    Raises:
        PunaError: it does not begin.
    """
    first = await anext(answers)
    return first, answer_events(again(first, answers))


async def again(first: T, rest: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """``rest`` as it was before ``first`` was taken from it; closes it at its end."""
    async with aclosing(rest):
        yield first
        async for item in rest:
            yield item


def answer_headers(first: Answer, *ends: Finished) -> Mapping[str, str]:
    """How long the queue was, what was not as it was meant, what was left out to fit.

    A stream is given what is known when it begins; its last piece tells the rest.
    """
    warnings, ahead = (first.warnings, first.ahead) if isinstance(first, Started) else ((), 0)
    texts = dict.fromkeys([*warnings, *(text for end in ends for text in end.warnings)])
    cut = native.any_truncation(end.usage for end in ends)
    found = {
        "puna-queue-position": str(ahead or ""),
        "puna-warning": _printable("; ".join(texts)),
        "puna-truncated": "; ".join(f"{key}={cut[key]}" for key in _CUT if cut),
    }
    return {name: value for name, value in found.items() if value}


def cut_fields(request: Request, *ends: Finished) -> Mapping[str, Any]:
    """The fields that tell in an answer of one object what was left out to fit."""
    if is_bare(request.scope):
        return {}
    return native.any_truncation(end.usage for end in ends)


async def in_one_object(
    make: Callable[[Sequence[Event]], dict[str, Any]],
    first: Answer,
    events: AsyncIterator[Event],
) -> Response:
    """The whole answer under ``/v1``, as ``make`` writes it."""
    found = [item async for item in events]
    headers = answer_headers(first, *(item for item in found if isinstance(item, Finished)))
    return json_response(make(found), media_type="application/json", newline=True, headers=headers)


def _printable(text: str) -> str:
    plain = text.encode("ascii", "replace").decode()
    return "".join(letter for letter in plain if letter.isprintable())[:_MAX_HEADER]
