from __future__ import annotations

from puna.engine.pulse import Pulse


class Cpu:
    """CPU time of a made-up process; ``None`` = it waits for the disk."""

    def __init__(self) -> None:
        self.seconds: float | None = 5.0

    def __call__(self) -> float | None:
        return self.seconds


def test_a_process_that_does_nothing_hangs_after_the_timeout() -> None:
    pulse = Pulse(45, Cpu())
    pulse.beat(1000)
    assert not pulse.is_hung(1005)
    assert not pulse.is_hung(1044)
    assert pulse.is_hung(1045)


def test_a_frame_starts_the_timeout_again() -> None:
    pulse = Pulse(45, Cpu())
    pulse.beat(1000)
    assert not pulse.is_hung(1040)
    pulse.beat(1041)
    assert not pulse.is_hung(1080)


def test_a_silent_process_that_computes_does_not_hang() -> None:
    cpu = Cpu()
    pulse = Pulse(45, cpu)
    pulse.beat(1000)
    for second in range(1005, 1300, 5):
        cpu.seconds = second - 900.0
        assert not pulse.is_hung(second)


def test_a_process_that_waits_for_the_disk_does_not_hang() -> None:
    cpu = Cpu()
    cpu.seconds = None
    pulse = Pulse(45, cpu)
    pulse.beat(1000)
    assert not pulse.is_hung(1100)


def test_a_process_that_computes_for_ten_minutes_without_a_word_hangs() -> None:
    cpu = Cpu()
    pulse = Pulse(45, cpu)
    pulse.beat(1000)
    cpu.seconds = 600.0
    assert not pulse.is_hung(1599)
    cpu.seconds = 1200.0
    assert pulse.is_hung(1600)
