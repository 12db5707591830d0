"""What ``puna run`` was asked for: its flags, and the model that is to answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from puna.cli.answers import Look

Json = dict[str, Any]


@dataclass(frozen=True)
class RunOptions:
    """The flags of ``puna run``.

    Attributes:
        think: ``None`` when not given.
        truncate: ``None`` when not given.
    """

    keep_alive: str = ""
    verbose: bool = False
    insecure: bool = False
    wrap: bool = True
    format: str = ""
    think: str | None = None
    hide_thinking: bool = False
    truncate: bool | None = None
    dimensions: int = 0


@dataclass(frozen=True)
class Target:
    """A model, and what every request to it says."""

    model: str
    info: Json
    common: Json

    def can(self, capability: str) -> bool:
        """Whether the model says that it can do something."""
        return capability in (self.info.get("capabilities") or [])

    @property
    def sees(self) -> bool:
        """Whether it takes images or sounds."""
        return self.can("vision") or self.can("audio")


def look(options: RunOptions) -> Look:
    """How the flags want answers to be shown."""
    return Look(options.wrap, options.hide_thinking, options.verbose)
