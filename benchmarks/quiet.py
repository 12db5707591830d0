"""Rejects samples during which something else used the machine."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
_REST = 0.2
"""Seconds without work after which a server is at rest."""
_SETTLES = 50
_TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_SHARE = 0.04
"""Part of a core that others may use during a sample."""


def raise_priority(pid: int) -> None:
    """Ask for the largest share of the CPU; ``nice`` alone acts inside one session only."""
    with contextlib.suppress(OSError):
        Path(f"/proc/{pid}/autogroup").write_text("-19")
    with contextlib.suppress(OSError, AttributeError):
        os.setpriority(os.PRIO_PROCESS, pid, -19)


class Spoiled(Exception):
    """A sample turned out to measure something else."""


class Quiet:
    """Takes samples until one was undisturbed, or a few were not.

    Args:
        ours: pids of all processes that belong to the measurement.
        tries: samples per value.
    """

    def __init__(self, ours: Callable[[], Iterable[int]], tries: int = 5) -> None:
        self._ours = ours
        self._tries = tries
        self.taken = 0
        self.rejected = 0

    def sample(self, prepare: Callable[[], Callable[[], T]]) -> T:
        """The value of a quiet run; of the last one when none was quiet.

        Args:
            prepare: gets all ready, and returns what is to be watched and timed.

        Raises:
            Spoiled: the last one was.
        """
        for left in range(self._tries, 0, -1):
            measure = prepare()
            for pid in self._ours():
                raise_priority(pid)
            self._settle()
            before, began = self._usage(), time.perf_counter()
            try:
                value = measure()
            except Spoiled:
                self.rejected += 1
                if left == 1:
                    raise
                continue
            seconds = time.perf_counter() - began
            others, stolen = (a - b for a, b in zip(self._usage(), before, strict=True))
            self.taken += 1
            limit = max(3.0, _SHARE * seconds * _TICKS)
            if others <= limit and stolen <= limit:
                return value
            self.rejected += 1
            if left > 1:
                time.sleep(0.4)
        return value

    def _settle(self) -> None:
        """Wait until no server works: one may write down what the last sample left behind."""
        for _ in range(_SETTLES):
            before = self._work()
            time.sleep(_REST)
            if self._work() - before <= 1:
                return

    def _work(self) -> int:
        return sum(map(_ticks, self._ours()))

    def _usage(self) -> tuple[int, int]:
        """CPU ticks of all others, and those the hypervisor took."""
        try:
            fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        except OSError:
            return 0, 0
        user, nice, system, _, _, irq, soft, steal, *_ = map(int, fields)
        mine = sum(map(_ticks, {*self._ours(), os.getpid()}))
        return user + nice + system + irq + soft - mine, steal


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
