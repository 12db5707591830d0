"""How prompts are cut into steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.runner.chunks import DepthCost, PrefillRate, chunk_length, fill_start


def cuts(length: int, room: int, fast: int = 64) -> list[int]:
    sizes = []
    while length > 0:
        sizes.append(chunk_length(length, room, fast_rows=fast))
        length -= sizes[-1]
    return sizes


def test_a_prompt_is_read_in_full_steps_and_no_short_rest() -> None:
    assert cuts(1024 + 40, 512) == [512, 488, 64]
    assert cuts(1024 + 64, 512) == [512, 512, 64]
    assert cuts(300, 512) == [300]


def test_without_a_slow_path_steps_are_full() -> None:
    assert cuts(1024 + 40, 512, fast=0) == [512, 512, 40]


@given(st.integers(1, 5000), st.integers(1, 600))
def test_every_token_is_read_once_and_no_step_is_too_large(length: int, room: int) -> None:
    sizes = cuts(length, room)
    assert sum(sizes) == length
    assert all(0 < size <= room for size in sizes)


@given(st.integers(1, 5000), st.integers(128, 600))
def test_the_last_piece_is_long_unless_the_prompt_is_short(length: int, room: int) -> None:
    assert cuts(length, room)[-1] >= min(64, length)


@pytest.mark.parametrize(
    ("start", "rows", "growth", "expected"),
    [
        (2000, 40, 0.0004, 1976),
        (2000, 64, 0.0004, 2000),
        (2000, 10, 0.0004, 2000),
        (300, 40, 0.0004, 300),
        (400, 63, 0.0004, 399),
        (2000, 26, 0.001, 1962),
        (2000, 40, 0.00004, 2000),
        (20, 40, 0.005, 20),
    ],
)
def test_a_short_chunk_is_filled_where_that_takes_less_time(
    start: int, rows: int, growth: float, expected: int
) -> None:
    assert fill_start(start, rows, growth=growth) == expected


def test_the_growth_with_depth_is_learnt_from_long_prompts() -> None:
    cost = DepthCost()
    assert cost.growth == DepthCost().growth
    for depth in (0, 512, 1024, 1536):
        cost.observe(512, depth, 512 * 0.002 * (1 + 0.001 * depth))
    assert cost.growth == pytest.approx(0.001)


def test_short_chunks_and_equal_depths_teach_nothing() -> None:
    cost = DepthCost()
    for depth in (0, 500, 1000):
        cost.observe(64, depth, 1.0 + depth)
    for _ in range(5):
        cost.observe(512, 0, 1.0)
    assert cost.growth == DepthCost().growth


def test_the_rate_follows_the_best_and_forgets_slowly() -> None:
    rate = PrefillRate()
    for _ in range(20):
        rate.observe(512, 0.5)
    assert rate.budget(0) == 320
    for _ in range(5):
        rate.observe(64, 0.5)
    assert rate.budget(0) >= 256


def test_the_budget_is_never_below_the_fast_path() -> None:
    rate = PrefillRate()
    for _ in range(500):
        rate.observe(256, 100.0)
    assert rate.budget(0) == 64


@pytest.mark.parametrize("beside", [0, 1, 8, 63, 64, 65])
def test_rows_of_prompts_and_streams_are_full_tiles(beside: int) -> None:
    room = PrefillRate().budget(beside)
    assert room > 0
    assert (room + beside) % 64 == 0
