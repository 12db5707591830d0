"""The runner's end of the pipe to its parent; used by several threads."""

from __future__ import annotations

import os
import threading

from puna.runner.protocol import Report, frame


class Outbox:
    """Writes whole frames, one after another."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()

    def send(self, report: Report) -> None:
        """Write one frame; blocks while the parent does not read.

        Raises:
            BrokenPipeError: the parent is gone.
        """
        data = memoryview(frame(report))
        with self._lock:
            while data:
                data = data[os.write(self._descriptor, data) :]
