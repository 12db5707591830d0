"""Tells a runner that works from one that hangs."""

from __future__ import annotations

from collections.abc import Callable

_WORKING_SHARE = 0.02
"""Share of one core above which a silent runner counts as working."""

_SILENT_LIMIT = 600.0
"""Seconds after which even a busy runner that says nothing is given up."""


class Pulse:
    """Watches the frames and the CPU time of one runner. Times in monotonic seconds.

    A prompt chunk of a large model may take minutes without a frame, but it
    takes CPU time; a stopped or deadlocked process takes none.

    Args:
        timeout: seconds without frame and without CPU time that mean "hung".
        cpu_seconds: CPU time of the process so far; ``None`` when it waits for
            the disk, as it does when weights are paged in, or for a CPU that
            others keep busy. Both count as work.
    """

    def __init__(self, timeout: float, cpu_seconds: Callable[[], float | None]) -> None:
        self._timeout = timeout
        self._cpu_seconds = cpu_seconds
        self._frame_at = 0.0
        self._sign_at = 0.0
        self._checked_at = 0.0
        self._cpu = 0.0

    def beat(self, now: float) -> None:
        """A frame came, or the first request was just given."""
        self._frame_at = self._sign_at = now

    def is_hung(self, now: float) -> bool:
        """Look at the process; call at least every tenth of the timeout."""
        if self._is_working(now):
            self._sign_at = now
        return now - self._sign_at >= self._timeout or now - self._frame_at >= self._silent_limit

    def _is_working(self, now: float) -> bool:
        cpu, since = self._cpu_seconds(), now - self._checked_at
        if cpu is None:
            return True
        advanced, self._cpu, self._checked_at = cpu - self._cpu, cpu, now
        return advanced > since * _WORKING_SHARE

    @property
    def _silent_limit(self) -> float:
        return max(_SILENT_LIMIT, self._timeout)
