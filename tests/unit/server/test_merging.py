from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from puna.server.merging import merged


async def counting(count: int, ended: list[int]) -> AsyncGenerator[int, None]:
    try:
        for number in range(count):
            await asyncio.sleep(0)
            yield number
    finally:
        ended.append(count)


async def failing() -> AsyncGenerator[int, None]:
    yield 0
    raise ValueError("no")


@pytest.mark.parametrize("sizes", [[3], [3, 2], [0, 1, 2]])
async def test_every_item_comes_with_its_source(sizes: list[int]) -> None:
    found = [item async for item in merged([counting(size, []) for size in sizes])]
    expected = [(at, number) for at, size in enumerate(sizes) for number in range(size)]
    assert sorted(found) == expected


@pytest.mark.parametrize("sizes", [[9], [9, 8]])
async def test_sources_end_when_the_reader_leaves(sizes: list[int]) -> None:
    ended: list[int] = []
    stream = merged([counting(size, ended) for size in sizes])
    await anext(stream)
    await stream.aclose()
    assert sorted(ended) == sorted(sizes)


async def test_a_failure_ends_the_others() -> None:
    ended: list[int] = []
    with pytest.raises(ValueError, match="no"):
        async for _ in merged([failing(), counting(1000, ended)]):
            pass
    assert ended == [1000]
