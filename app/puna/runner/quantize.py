"""``puna runner quantize SRC DST TYPE``: write a GGUF with smaller weights.

A process of its own, since llama.cpp ends it on a damaged file. One JSON object
per line on stdout: ``{"progress": 0.4}`` while it works, then ``{"done": true}``
or ``{"error": "…"}`` with exit code 1.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from puna.runner import backends, hardware
from puna.runner.llama import api

FILE_TYPES: Mapping[str, int] = {
    "F32": 0,
    "F16": 1,
    "Q4_0": 2,
    "Q4_1": 3,
    "Q8_0": 7,
    "Q5_0": 8,
    "Q5_1": 9,
    "Q2_K": 10,
    "Q3_K_S": 11,
    "Q3_K_M": 12,
    "Q3_K_L": 13,
    "Q4_K_S": 14,
    "Q4_K_M": 15,
    "Q5_K_S": 16,
    "Q5_K_M": 17,
    "Q6_K": 18,
    "IQ4_NL": 25,
    "IQ4_XS": 30,
    "BF16": 32,
}
"""Source: llama.h, enum llama_ftype. Types that need an importance matrix are left out."""

_PLACE = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
_INFO = 2


def main(arguments: Sequence[str]) -> int:
    """Quantize a file; returns the exit code."""
    if len(arguments) != 3:
        return _failed("usage: quantize SOURCE TARGET TYPE")
    source, target, kind = arguments
    file_type = FILE_TYPES.get(kind.upper())
    if file_type is None:
        return _failed(f"unsupported quantization type {kind}")
    if not Path(source).is_file():
        return _failed("the model file does not exist")
    return quantize(source, target, file_type)


def quantize(source: str, target: str, file_type: int) -> int:
    """Write ``target``; a file that could not be finished is removed."""
    told = _Told()
    callback = api.llama_log_callback(told.take)
    api.llama_log_set(callback, ctypes.c_void_p(0))
    api.llama_backend_init()
    backends.load()
    parameters = api.llama_model_quantize_default_params()
    parameters.ftype = file_type
    parameters.nthread = hardware.physical_cores()
    parameters.allow_requantize = True
    result = api.llama_model_quantize(source.encode(), target.encode(), ctypes.byref(parameters))
    if result != 0:
        Path(target).unlink(missing_ok=True)
        return _failed(told.last or "the file cannot be quantized")
    _say({"done": True})
    return 0


class _Told:
    """Reads progress and the reason of a failure from llama.cpp's log."""

    def __init__(self) -> None:
        self.last = ""

    def take(self, level: int, text: bytes, _data: object) -> None:
        """One piece of log; tensors are announced as ``[  3/ 290]``."""
        line = text.decode("utf-8", "replace").strip()
        place = _PLACE.match(line)
        if place is not None:
            _say({"progress": int(place[1]) / max(1, int(place[2]))})
        elif line and level > _INFO:
            self.last = line.partition(": ")[2] or line


def _failed(text: str) -> int:
    _say({"error": text})
    return 1


def _say(message: Mapping[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")
