"""Installed and loaded models, parsed once from the server's JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_COUNT = re.compile(r"([0-9.]+)([KMBT]?)")
_FACTORS = {"": 1.0, "K": 1e3, "M": 1e6, "B": 1e9, "T": 1e12}
_TINY = 0.5e9
"""Below this many parameters a model is for trying the program, not for answers."""


@dataclass(frozen=True, slots=True)
class InstalledModel:
    """One row of ``GET /api/tags``.

    Attributes:
        size: bytes of all its blobs.
        modified: RFC 3339 time.
        parameters: as the server words it, e.g. ``134.52M``.
        context_length: tokens the model was trained for, 0 = not told.
    """

    name: str
    digest: str = ""
    size: int = 0
    modified: str = ""
    family: str = ""
    parameters: str = ""
    quantization: str = ""
    context_length: int = 0
    capabilities: frozenset[str] = frozenset()

    @property
    def is_tiny(self) -> bool:
        """So small that its answers only show that everything works."""
        count = parameter_count(self.parameters)
        return 0 < count < _TINY

    @property
    def can_chat(self) -> bool:
        """Not known to be only for embeddings."""
        return not self.capabilities or "completion" in self.capabilities


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """One row of ``GET /api/ps``.

    Attributes:
        memory: bytes it holds.
        memory_gpu: the part of it on GPUs.
        expires: RFC 3339 time of the unload.
        is_loading: it does not answer yet.
        progress: part of the load that is done, 0 to 1.
        active: requests it is answering.
    """

    name: str
    memory: int = 0
    memory_gpu: int = 0
    context_length: int = 0
    expires: str = ""
    is_loading: bool = False
    progress: float = 0.0
    active: int = 0

    @property
    def gpu_share(self) -> int:
        """Percent of its memory that is on GPUs."""
        return round(100 * self.memory_gpu / self.memory) if self.memory else 0


def installed_from(row: Mapping[str, Any]) -> InstalledModel:
    """Read one row of ``/api/tags``; what is missing stays empty."""
    details = row.get("details") or {}
    return InstalledModel(
        name=str(row.get("name") or row.get("model") or ""),
        digest=str(row.get("digest") or ""),
        size=int(row.get("size") or 0),
        modified=str(row.get("modified_at") or ""),
        family=str(details.get("family") or ""),
        parameters=str(details.get("parameter_size") or ""),
        quantization=str(details.get("quantization_level") or ""),
        context_length=int(details.get("context_length") or 0),
        capabilities=frozenset(row.get("capabilities") or ()),
    )


def loaded_from(row: Mapping[str, Any]) -> LoadedModel:
    """Read one row of ``/api/ps``; a server without load states has only ready models."""
    return LoadedModel(
        name=str(row.get("name") or row.get("model") or ""),
        memory=int(row.get("size") or 0),
        memory_gpu=int(row.get("size_vram") or 0),
        context_length=int(row.get("context_length") or 0),
        expires=str(row.get("expires_at") or ""),
        is_loading=row.get("state", "ready") == "loading",
        progress=float(row.get("load_progress") or 0.0),
        active=int(row.get("active") or 0),
    )


def parameter_count(text: str) -> float:
    """``134.52M`` as a number; 0 for what is no count."""
    match = _COUNT.fullmatch(text.strip().upper())
    return float(match[1]) * _FACTORS[match[2]] if match else 0.0
