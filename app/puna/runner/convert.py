"""``puna runner convert``: make a GGUF file of a model in the form of Hugging Face.

A process of its own, since the files may be hostile and the work takes all of a
core. The job comes on stdin as one JSON object: ``files`` (name in the folder →
path), ``target`` and, for an adapter, ``base`` (a GGUF file). One JSON object per
line on stdout: ``{"progress": 0.4}`` while it works, then ``{"done": true}`` or
``{"error": "…", "kind": "input" | "system"}`` with exit code 1.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from puna.errors import InvalidInput
from puna.gguf.conversion.adapter import convert_adapter
from puna.gguf.conversion.model import convert_model
from puna.gguf.reader import read_header

_STEP = 0.01
_MAX_TEXT = 500


def main() -> int:
    """Do one job; returns the exit code."""
    job = json.load(sys.stdin)
    files = {name: Path(path) for name, path in job["files"].items()}
    try:
        _convert(files, Path(job["target"]), job.get("base"))
    except InvalidInput as error:
        return _failed(str(error), "input")
    except RecursionError:
        return _failed("a document of the model is nested too deeply", "input")
    except OSError as error:
        return _failed((error.strerror or str(error)).lower(), "system", errno=error.errno)
    _say({"done": True})
    return 0


def _convert(files: Mapping[str, Path], target: Path, base: str | None) -> None:
    told = _Told()
    if base is None:
        convert_model(files, target, told.report)
    else:
        convert_adapter(files, read_header(Path(base)), target, told.report)


class _Told:
    """Passes progress on when it has grown by a hundredth."""

    def __init__(self) -> None:
        self._last = 0.0

    def report(self, part: float) -> None:
        """How far it is, from 0 to 1."""
        if part >= self._last + _STEP:
            self._last = part
            _say({"progress": part})


def _failed(text: str, kind: str, **more: Any) -> int:
    """Tell why; what hostile files put into the text is kept short and encodable."""
    shown = text[:_MAX_TEXT].encode("utf-8", "replace").decode()
    _say({"error": shown, "kind": kind, **more})
    return 1


def _say(message: Mapping[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")
