"""Why a file could not be opened, from what llama.cpp has logged."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from puna.errors import ModelLoadError
from puna.runner.log import NativeLog

LoadFailure = Literal["file", "memory", "unsupported", "internal"]


class LoadError(ModelLoadError):
    """The model, or something that belongs to it, cannot be opened.

    Attributes:
        kind: as in :class:`puna.runner.protocol.LoadFailed`.
    """

    def __init__(self, kind: LoadFailure, text: str) -> None:
        super().__init__(text)
        self.kind: LoadFailure = kind

    def without_folder(self, path: str) -> LoadError:
        """The same with no more than the name of the file at ``path``."""
        return LoadError(self.kind, str(self).replace(path, Path(path).name))


def is_about_memory(log: NativeLog) -> bool:
    """Whether memory was short."""
    text = " ".join(log.errors()).lower()
    return any(sign in text for sign in ("alloc", "out of memory", "insufficient memory"))


def load_error(log: NativeLog, text: str, *, default: LoadFailure = "file") -> LoadError:
    """The error for what was logged; ``text`` says what was tried."""
    lines = log.errors()
    joined = " ".join(lines).lower()
    kind: LoadFailure = default
    if "unknown model architecture" in joined or "unsupported" in joined:
        kind = "unsupported"
    elif is_about_memory(log):
        kind = "memory"
    reason = lines[-1] if lines else ""
    for line in lines:
        if "error loading model" in line or "unknown model architecture" in line:
            reason = line
    return LoadError(kind, f"{text}: {_without_function(reason)}" if reason else text)


def _without_function(line: str) -> str:
    """Drop the C++ function name llama.cpp puts before its messages."""
    head, colon, rest = line.partition(": ")
    return rest if colon and " " not in head else line
