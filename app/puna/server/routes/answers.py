"""The events of an answer, for dialects that show nothing else."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from puna.chat.events import Event
from puna.services.requests import Answer, Closing, Rendered, Started


async def answer_events(answers: AsyncIterator[Answer]) -> AsyncGenerator[Event, None]:
    """Only what belongs to the answer itself; closes ``answers`` at its end."""
    async with aclosing(answers):  # type: ignore[type-var]
        async for item in answers:
            if not isinstance(item, Started | Closing | Rendered):
                yield item
