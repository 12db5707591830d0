"""Models and adapters that come as safetensors: converted and stored as a blob.

Source: ``ollama-store-registry-cli`` contract, 4.4.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from pathlib import Path

from puna.services.create_request import CreateStatus, Report
from puna.services.model_files import ModelFile, adopt, require_blob
from puna.services.quantizing import NO_DIGEST, QUIET_SECONDS, scratch
from puna.store.blobs import BlobStore
from puna.store.digest import Digest
from puna.store.disk import store_errors

Convert = Callable[[Mapping[str, Path], Path | None, Path], AsyncGenerator[float, None]]


class Converting:
    """Converts with a program of its own process.

    Args:
        blobs: where the files are and the result goes to.
        convert: writes a GGUF file from files by their names; the second
            argument is the model that an adapter is for. Yields progress from
            0 to 1.
    """

    def __init__(self, blobs: BlobStore, convert: Convert) -> None:
        self._blobs = blobs
        self._convert = convert

    async def model(self, files: Mapping[str, str], report: Report) -> ModelFile:
        """A model of its files by their labels.

        Raises:
            InvalidInput: it is damaged, incomplete or cannot be converted.
            NoSpace, StoreError: a file is missing, or it cannot be written.
            RunnerError: the program ended.
        """
        return await self._run("converting model", files, None, report)

    async def adapter(self, files: Mapping[str, str], base: Path, report: Report) -> ModelFile:
        """A LoRA of its files by their labels, for a model.

        Raises:
            InvalidInput: it is damaged, cannot be converted, or does not fit.
            NoSpace, StoreError: a file is missing, or it cannot be written.
            RunnerError: the program ended.
        """
        return await self._run("converting adapter", files, base, report)

    async def _run(
        self, status: str, files: Mapping[str, str], base: Path | None, report: Report
    ) -> ModelFile:
        report(CreateStatus(status))
        digests = {label: Digest.parse(text) for label, text in files.items()}
        with self._blobs.pinned(digests.values()), scratch(self._blobs, "converted") as target:
            paths = await asyncio.to_thread(self._located, digests)
            total = sum(self._blobs.size(digest) for digest in digests.values())
            await asyncio.to_thread(self._blobs.require_space, total)
            with store_errors(status):
                await self._convert_to(
                    target,
                    paths,
                    base,
                    lambda part: report(CreateStatus(status, NO_DIGEST, total, int(total * part))),
                )
            return await asyncio.to_thread(adopt, target, next(iter(files), ""), self._blobs)

    def _located(self, digests: Mapping[str, Digest]) -> dict[str, Path]:
        return {label: require_blob(digest, self._blobs) for label, digest in digests.items()}

    async def _convert_to(
        self,
        target: Path,
        paths: Mapping[str, Path],
        base: Path | None,
        progress: Callable[[float], None],
    ) -> None:
        """Progress is reported only of conversions that take a while."""
        started = time.monotonic()
        async with contextlib.aclosing(self._convert(paths, base, target)) as parts:
            async for part in parts:
                if time.monotonic() - started > QUIET_SECONDS:
                    progress(min(max(part, 0.0), 1.0))
