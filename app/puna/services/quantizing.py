"""Weights of a smaller type: asked for, checked and stored as a blob."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

from puna.errors import CannotQuantize
from puna.services.create_request import CreateStatus, Report
from puna.services.model_files import ModelFile, adopt
from puna.store.blobs import BlobStore

NO_DIGEST = "0" * 19
"""What Ollama sends as digest of a file that has none yet."""

_FLOAT_TYPES = {0: "F32", 1: "F16", 32: "BF16"}
QUIET_SECONDS = 5.0
"""Work that is done by then is not worth a progress bar."""

Quantize = Callable[[Path, Path, str], AsyncGenerator[float, None]]


class Quantizing:
    """Converts weights with a program of its own process.

    Args:
        blobs: where source and result are.
        quantize: writes a GGUF of another type; yields progress from 0 to 1.
    """

    def __init__(self, blobs: BlobStore, quantize: Quantize) -> None:
        self._blobs = blobs
        self._quantize = quantize

    async def convert(self, file: ModelFile, kind: str, report: Report) -> ModelFile:
        """The file in another type; the same file when it has it already.

        Progress is reported only of conversions that take a while.

        Raises:
            CannotQuantize: the weights are quantized already.
            NoSpace, StoreError: the result cannot be written.
        """
        source = float_type(file)
        if source == kind:
            return file
        await asyncio.to_thread(self._blobs.require_space, file.size)
        with scratch(self._blobs, kind) as target:
            started = time.monotonic()
            path = self._blobs.path(file.digest)
            async with contextlib.aclosing(self._quantize(path, target, kind)) as parts:
                async for part in parts:
                    if time.monotonic() - started > QUIET_SECONDS:
                        report(_progress(f"quantizing {source} model to {kind}", file.size, part))
            return await asyncio.to_thread(adopt, target, file.label, self._blobs)


def float_type(file: ModelFile) -> str:
    """Name of the type of unquantized weights.

    Raises:
        CannotQuantize: they are quantized already.
    """
    name = _FLOAT_TYPES.get(file.header.integer("general.file_type", -1))
    if name is None:
        raise CannotQuantize("quantization is only supported for F16, BF16 and F32 models")
    return name


def _progress(status: str, total: int, part: float) -> CreateStatus:
    return CreateStatus(status, NO_DIGEST, total, int(total * min(max(part, 0.0), 1.0)))


@contextlib.contextmanager
def scratch(blobs: BlobStore, prefix: str) -> Iterator[Path]:
    """A file name in the folder of blobs that is free again afterwards."""
    path = blobs.scratch(prefix)
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
