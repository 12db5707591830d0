"""llama.cpp's own log: the tail is kept for error texts, warnings go to stderr."""

from __future__ import annotations

import ctypes
import sys
from collections import deque

from puna.runner.llama import api
from puna.runner.multimodal import mtmd

_WARNING = 3
_ERROR = 4
_CONTINUE = 5
_TAIL = 40


class NativeLog:
    """Collects log lines of llama.cpp, ggml and mtmd while it is installed.

    llama.cpp may log from its own threads; a deque append is atomic.
    """

    def __init__(self) -> None:
        self._lines: deque[tuple[int, str]] = deque(maxlen=_TAIL)
        self._level = _WARNING
        self._callback = api.llama_log_callback(self._take)

    def install(self) -> None:
        """Route the log here. Keep this object alive as long as llama.cpp is used."""
        nothing = ctypes.c_void_p(0)
        api.llama_log_set(self._callback, nothing)
        mtmd.mtmd_log_set(self._callback, nothing)
        mtmd.mtmd_helper_log_set(self._callback, nothing)

    def errors(self) -> list[str]:
        """The last warnings and errors, oldest first, without prefixes of functions."""
        return [line for level, line in self._lines if level >= _WARNING]

    def tail(self) -> list[str]:
        """The last lines of every level, oldest first."""
        return [line for _, line in self._lines]

    def clear(self) -> None:
        """Forget what was said so far."""
        self._lines.clear()

    def _take(self, level: int, text: bytes, _data: object) -> None:
        # Continuation lines carry no level of their own.
        level = self._level if level == _CONTINUE else level
        self._level = level
        line = text.decode("utf-8", "replace").strip()
        if not line or line == ".":
            return
        self._lines.append((level, line))
        if level in (_WARNING, _ERROR):
            sys.stderr.write(line + "\n")
