from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from puna.errors import ManifestUnknown, TemplateError
from puna.names import ModelName
from puna.services.create_request import CreateRequest, CreateStatus
from puna.services.creation import Creation
from puna.services.weights import KnownTemplate
from puna.store.store import Store

KNOWN = KnownTemplate("chatml", "{{ .Prompt }}<|im_end|>", {"stop": ["<|im_end|>"]})


@dataclass
class World:
    """A store and what surrounds the creation of models."""

    store: Store
    gguf: Any
    pulls: list[str] = field(default_factory=list)
    pullable: dict[str, Callable[[], None]] = field(default_factory=dict)
    quantized: list[str] = field(default_factory=list)
    quantize_result: bytes = b""
    converted: list[tuple[list[str], Path | None]] = field(default_factory=list)
    convert_result: bytes | Exception = b""

    @property
    def creation(self) -> Creation:
        return Creation(
            self.store,
            pull=self._pull,
            quantize=self._quantize,
            convert=self._convert,
            check_template=self._check_template,
            detect_template=lambda text: KNOWN if "im_start" in text else None,
        )

    async def _pull(self, name: ModelName) -> AsyncGenerator[CreateStatus, None]:
        self.pulls.append(name.display)
        yield CreateStatus("pulling manifest")
        if name.display not in self.pullable:
            raise ManifestUnknown("pull model manifest: file does not exist")
        self.pullable[name.display]()
        yield CreateStatus("success")

    async def _quantize(self, source: Path, target: Path, kind: str) -> AsyncGenerator[float, None]:
        self.quantized.append(kind)
        yield 0.5
        self._write(target)

    async def _convert(
        self, files: Mapping[str, Path], base: Path | None, target: Path
    ) -> AsyncGenerator[float, None]:
        self.converted.append((sorted(files), base))
        yield 0.5
        if isinstance(self.convert_result, Exception):
            raise self.convert_result
        await asyncio.to_thread(target.write_bytes, self.convert_result)

    def _write(self, target: Path) -> None:
        target.write_bytes(self.quantize_result)

    def _check_template(self, source: str) -> None:
        if source.count("{{") != source.count("}}"):
            raise TemplateError("template: :1: unclosed action")

    def blob(self, data: bytes) -> str:
        """Upload bytes; their digest."""
        return str(self.store.blobs.put(data)[0])

    async def create(self, model: str, **fields: Any) -> list[str]:
        """Create a model; the status lines."""
        request = CreateRequest(model, **fields)
        return [line.status async for line in self.creation.create(request)]


@pytest.fixture
def world(tmp_path: Path, gguf: Any) -> World:
    store = Store(tmp_path / "models")
    store.open()
    return World(store, gguf)
