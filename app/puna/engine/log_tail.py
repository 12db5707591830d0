"""The last words of a runner: its stderr as log lines, the newest kept."""

from __future__ import annotations

import logging
import re
from collections import deque

logger = logging.getLogger(__name__)

TAIL_LINES = 50
_MAX_LINE = 4096
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_ASSERT = re.compile(r"GGML_ASSERT\(.*\) failed")


class LogTail:
    """Cuts bytes into lines, logs each with the model's name, keeps the last ones."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._lines: deque[str] = deque(maxlen=TAIL_LINES)
        self._rest = b""

    def feed(self, data: bytes) -> None:
        """Take a piece of the stream; a line without end is cut at 4 KiB."""
        *lines, rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._add(line)
        while len(rest) > _MAX_LINE:
            self._add(rest[:_MAX_LINE])
            rest = rest[_MAX_LINE:]
        self._rest = rest

    def close(self) -> None:
        """Take what is left as the last line."""
        self._add(self._rest)
        self._rest = b""

    def _add(self, line: bytes) -> None:
        text = _CONTROL.sub("", line[:_MAX_LINE].decode("utf-8", "replace")).rstrip()
        if text:
            self._lines.append(text)
            logger.debug("%s: %s", self.name, text)

    @property
    def text(self) -> str:
        """The kept lines, oldest first."""
        return "\n".join(self._lines)

    @property
    def assertion(self) -> str:
        """The assertion of ggml that failed, without its source path, or empty."""
        found = _ASSERT.findall(self.text)
        return str(found[-1]) if found else ""
