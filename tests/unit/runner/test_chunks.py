"""How prompts are cut into steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.runner.chunks import DepthCost, Filling, PrefillRate, chunk_length


def cuts(length: int, room: int, fast: int = 64, *, start: int = 0) -> list[int]:
    sizes: list[int] = []
    while length > 0:
        size = chunk_length(length, room, start=start + sum(sizes), fast_rows=fast)
        sizes.append(size)
        length -= size
    return sizes


def test_a_prompt_is_read_in_full_steps_and_no_short_rest() -> None:
    assert cuts(1024 + 40, 512) == [512, 488, 64]
    assert cuts(1024 + 64, 512) == [512, 512, 64]
    assert cuts(300, 512) == [300]


def test_without_a_slow_path_steps_are_full() -> None:
    assert cuts(1024 + 40, 512, fast=0) == [512, 512, 40]


def test_pieces_end_with_a_block_of_cells_where_that_takes_no_more_steps() -> None:
    assert cuts(2047, 512, start=1) == [511, 512, 512, 512]
    assert cuts(1400, 512, start=300) == [468, 512, 420]
    assert cuts(2048, 512, start=1) == [512, 512, 512, 512]


@given(st.integers(1, 5000), st.integers(1, 600), st.integers(0, 1000))
def test_every_token_is_read_once_and_no_step_is_too_large(
    length: int, room: int, start: int
) -> None:
    sizes = cuts(length, room, start=start)
    assert sum(sizes) == length
    assert all(0 < size <= room for size in sizes)


@given(st.integers(1, 5000), st.integers(128, 600), st.integers(0, 1000))
def test_the_last_piece_is_long_unless_the_prompt_is_short(
    length: int, room: int, start: int
) -> None:
    assert cuts(length, room, start=start)[-1] >= min(64, length)


@given(st.integers(1, 5000), st.integers(128, 600), st.integers(0, 1000), st.sampled_from([0, 64]))
def test_blocks_of_cells_take_no_more_steps(length: int, room: int, start: int, fast: int) -> None:
    assert len(cuts(length, room, fast, start=start)) == -(-length // room)


@pytest.mark.parametrize(
    ("start", "rows", "growth", "expected"),
    [
        (2000, 40, 0.0004, 1976),
        (2000, 64, 0.0004, 2000),
        (2000, 5, 0.0004, 2000),
        (300, 10, 0.0004, 300),
        (400, 63, 0.0004, 399),
        (2000, 26, 0.001, 1962),
        (20, 40, 0.005, 20),
    ],
)
def test_a_short_chunk_is_filled_where_that_takes_less_time(
    start: int, rows: int, growth: float, expected: int
) -> None:
    assert Filling().start(start, rows, growth=growth) == expected


@pytest.mark.parametrize(
    ("filled", "as_it_is", "better"), [(150.0, 130.0, 2000), (130.0, 150.0, 1976)]
)
def test_both_ways_are_tried_once_and_the_faster_stays(
    filled: float, as_it_is: float, better: int
) -> None:
    filling = Filling()

    def start() -> int:
        return filling.start(2000, 40, growth=0.0004)

    assert start() == 1976
    filling.observe(64, 1976, filled, growth=0.0004)
    assert start() == 2000
    filling.observe(40, 2000, as_it_is, growth=0.0004)
    assert start() == better


def test_what_would_take_far_longer_is_not_tried() -> None:
    filling = Filling()
    filling.observe(64, 1976, 115.0, growth=0.0004)
    assert filling.start(2000, 63, growth=0.005) == 1999
    assert filling.start(2000, 3, growth=0.0) == 2000


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


def test_small_chunks_say_little_about_the_rate() -> None:
    rate = PrefillRate()
    for _ in range(20):
        rate.observe(512, 0.5)
    assert rate.budget(0, 0.3) == 320
    for _ in range(5):
        rate.observe(64, 0.5)
    assert rate.budget(0, 0.3) >= 256


def test_deep_in_a_prompt_a_step_reads_fewer_rows() -> None:
    rate, growth = PrefillRate(), 0.001
    for depth in (0, 512, 1024, 1536) * 5:
        seconds = 0.0005 * 512 * (1 + growth * (depth + 256))
        rate.observe(512, seconds, depth=depth, growth=growth)
    for depth in (0, 700, 2000, 8000):
        rows = rate.budget(0, 0.5, depth=depth, growth=growth)
        assert 0.0005 * rows * (1 + growth * (depth + rows / 2)) == pytest.approx(0.5, rel=0.2)


def test_two_tiles_may_take_twice_the_time() -> None:
    rate = PrefillRate()
    for _ in range(20):
        rate.observe(512, 512 / 300)
    assert rate.budget(0, 0.25) == 128
    assert rate.budget(0, 0.1) == 64


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
