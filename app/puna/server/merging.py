"""Several answers at once, as one stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")

_ROOM = 64
"""Items that may wait; a slow reader slows the answers down."""


async def merged(
    sources: Sequence[AsyncGenerator[T, None]],
) -> AsyncGenerator[tuple[int, T], None]:
    """The items of all ``sources`` as they come, each with the index of its source.

    Raises:
        Exception: what the first failing source raised; the others are stopped.
    """
    several = _together(sources) if len(sources) > 1 else _alone(sources[0])
    async with aclosing(several) as items:
        async for item in items:
            yield item


async def _alone(source: AsyncGenerator[T, None]) -> AsyncGenerator[tuple[int, T], None]:
    async with aclosing(source):
        async for item in source:
            yield 0, item


async def _together(
    sources: Sequence[AsyncGenerator[T, None]],
) -> AsyncGenerator[tuple[int, T], None]:
    queue: asyncio.Queue[tuple[int, T] | BaseException | None] = asyncio.Queue(_ROOM)

    async def drain(index: int, source: AsyncIterator[T]) -> None:
        try:
            async for item in source:
                await queue.put((index, item))
        except Exception as error:  # noqa: BLE001 - passed on, not handled
            await queue.put(error)
        else:
            await queue.put(None)

    tasks = [asyncio.create_task(drain(index, source)) for index, source in enumerate(sources)]
    running = len(tasks)
    try:
        while running:
            item = await queue.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                running -= 1
            else:
                yield item
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
