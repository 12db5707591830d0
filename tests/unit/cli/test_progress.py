from __future__ import annotations

import io
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from puna.cli.progress import Bar, Progress, Spinner, follow

MB = 10**6


def test_a_bar_fills_the_width_as_recorded() -> None:
    bar = Bar("pulling a5fd3b62230a:", 253 * MB, 0.0)
    bar.update(1_900_000, 253 * MB, 0.5)
    assert bar.line(80) == (
        "pulling a5fd3b62230a:   0% ▕                  ▏ 1.9 MB/253 MB                  "
    )
    bar.update(253 * MB, 253 * MB, 9.0)
    assert bar.line(80) == (
        "pulling a5fd3b62230a: 100% ▕██████████████████▏ 253 MB                         "
    )


def test_a_bar_shows_speed_and_the_time_left() -> None:
    bar = Bar("pulling a5fd3b62230a:", 253 * MB, 0.0)
    bar.update(0, 253 * MB, 0.0)
    bar.update(58 * MB, 253 * MB, 2.0)
    assert bar.line(80).endswith("▏  58 MB/253 MB   29 MB/s      6s")


def test_a_bar_never_goes_back() -> None:
    bar = Bar("x", 100, 0.0)
    bar.update(60, 100, 1.0)
    bar.update(40, 100, 2.0)
    assert bar.completed == 60
    bar.update(500, 100, 3.0)
    assert bar.completed == 100


def test_what_was_there_before_is_no_speed() -> None:
    bar = Bar("x", 100 * MB, 0.0)
    bar.update(50 * MB, 100 * MB, 5.0)
    bar.update(51 * MB, 100 * MB, 6.0)
    assert bar.rate == MB


def test_the_speed_is_that_of_the_last_ten_seconds() -> None:
    bar = Bar("x", 100 * MB, 0.0)
    for second in range(30):
        bar.update(min(second, 10) * MB, 100 * MB, float(second))
    assert bar.rate == 0


def test_a_bar_in_a_narrow_terminal_is_cut() -> None:
    assert len(Bar("pulling a5fd3b62230a:", 100, 0.0).line(30)) < 30


@pytest.mark.parametrize(
    ("columns", "shown"),
    [
        (60, "pulling a5fd3b62230a:  22% 58 MB/253 MB 29 MB/s 6s"),
        (50, "pulling a5fd3b62230a:  22% 58 MB/253 MB 29 MB/s"),
        (46, "pulling a5fd3b62230a:  22% 58 MB/253 MB"),
        (30, "pulling a5fd3b62230a:  22%"),
        (20, "pulling a5fd3b62230"),
    ],
)
def test_a_narrow_terminal_shows_whole_figures_only(columns: int, shown: str) -> None:
    bar = Bar("pulling a5fd3b62230a:", 253 * MB, 0.0)
    bar.update(0, 253 * MB, 0.0)
    bar.update(58 * MB, 253 * MB, 2.0)
    assert bar.line(columns) == shown


def test_a_spinner_stops_when_it_is_done() -> None:
    spinner = Spinner("working")
    assert spinner.line(80, 0) == "working ⠋"
    spinner.is_done = True
    assert spinner.line(80, 1) == "working"


def test_a_digest_is_shortened_before_the_percentage_is_cut_off() -> None:
    spinner = Spinner(f"copying file sha256:{'a' * 64} 42%")
    assert spinner.line(60, 0) == "copying file sha256:aaaaaaaaaaaa 42% ⠋"
    assert spinner.line(100, 0) == f"copying file sha256:{'a' * 64} 42% ⠋"


async def _statuses() -> AsyncIterator[dict[str, Any]]:
    yield {"status": "gathering"}
    yield {"status": "gathering", "completed": 5, "total": 10}
    yield {"status": "gathering", "completed": 10, "total": 10}
    yield {"status": "copying file sha256:a 10%", "digest": "a", "completed": 1, "total": 10}
    yield {"status": "copying file sha256:a 100%", "digest": "a", "completed": 10, "total": 10}
    yield {"status": "success"}


async def test_a_step_that_repeats_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    async with Progress() as progress:
        await follow(progress, _statuses(), "copying")
    assert capsys.readouterr().err == "gathering\ncopying file sha256:a 100%\nsuccess\n"


async def test_without_a_terminal_each_step_is_a_plain_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async with Progress() as progress:
        progress.show("first")
        progress.show("copying 1%", key="a")
        progress.show("copying 100%", key="a")
        progress.advance("b", "pulling b:", 1, 10)
        progress.advance("b", "pulling b:", 10, 10)
        progress.advance("b", "pulling b:", 10, 10)
        progress.show("last")
    assert capsys.readouterr().err == "first\ncopying 100%\npulling b: 100% 10 B\nlast\n"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def test_on_a_terminal_the_steps_are_drawn_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("COLUMNS", "40")
    async with Progress() as progress:
        progress.show("first")
        progress.show("second \x1b[31mred " + "x" * 90)
    written = screen.getvalue()
    assert "first\x1b[K\nsecond" in written
    assert "\x1b[31m" not in written
    assert written.endswith("\n")
    assert max(len(line) for line in written.split("\n")) < 80
