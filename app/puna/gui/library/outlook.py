"""What a download would take of the disk and of memory, as the server sees it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QCoreApplication

from puna.gui.wording import number, size


@dataclass(frozen=True, slots=True)
class Outlook:
    """The answer of ``POST /api/estimate``. Sizes in bytes; 0 = unknown.

    Attributes:
        fit: ``gpu``, ``partly``, ``cpu``, ``tight``, ``too_big`` or ``unknown``.
        missing: of ``size``, what is still to be downloaded.
        disk_free: what the disk of the models folder may still take.
        capacity: memory that a model could take at the very best.
        context_length: window it would have, in tokens.
    """

    size: int
    missing: int
    disk_free: int
    fit: str = "unknown"
    memory: int = 0
    capacity: int = 0
    context_length: int = 0
    layers: int = 0
    layers_gpu: int = 0

    @property
    def has_room(self) -> bool:
        """The disk can take what is missing."""
        return self.missing <= self.disk_free

    @property
    def is_too_big(self) -> bool:
        """This machine can never load it."""
        return self.fit == "too_big"

    @property
    def is_doubtful(self) -> bool:
        """It may run badly, or not at all."""
        return self.fit in ("tight", "too_big")

    def words(self) -> str:
        """Size, place in memory and window, for people."""
        facts = [size(self.size), self._verdict()]
        if self.context_length and not self.is_too_big:
            facts.append(tr("window of {0} tokens").format(number(self.context_length)))
        return "  ·  ".join(fact for fact in facts if fact)

    def lack_of_room(self) -> str:
        """Why the disk is too full."""
        return tr("{0} are needed, {1} are free for models").format(
            size(self.missing), size(self.disk_free)
        )

    def _verdict(self) -> str:
        match self.fit:
            case "gpu":
                return tr("fits on the GPU")
            case "partly":
                return tr("partly on the GPU: {0} of {1} layers, slower").format(
                    self.layers_gpu, self.layers
                )
            case "cpu":
                return tr("fits into memory")
            case "tight":
                return tr("tight: needs {0} of memory, close other programs").format(
                    size(self.memory)
                )
            case "too_big":
                return tr(
                    "too large for this computer: needs {0} of memory, {1} can be had"
                ).format(size(self.memory), size(self.capacity))
            case _:
                return ""


def tr(text: str) -> str:
    """Translate a text of this module."""
    return QCoreApplication.translate("", text)


def outlook_from(answer: Mapping[str, Any]) -> Outlook:
    """Read the answer of ``POST /api/estimate``."""
    return Outlook(
        size=int(answer["size"]),
        missing=int(answer["missing"]),
        disk_free=int(answer["disk_free"]),
        fit=str(answer["fit"]),
        memory=int(answer["memory"]),
        capacity=int(answer["memory_capacity"]),
        context_length=int(answer["context_length"]),
        layers=int(answer["layers"]),
        layers_gpu=int(answer["layers_gpu"]),
    )
