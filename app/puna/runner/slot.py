"""One sequence of the cache, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from puna.runner.requests import Generation
from puna.runner.snapshot import Checkpoint, PromptEnd, Snapshot


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence of the cache.

    Attributes:
        tokens: what its cells hold, in order.
        end: of the prompt that was read last.
        checkpoints: points to which it can be cut although its layers cannot.
        variant: the adapters they were read with, see :class:`AdapterSet`.
        is_ahead: it has read some of the media that come next.
        saved: a copy of it is parked.
        used: larger = later.
    """

    sequence: int
    tokens: list[int] = field(default_factory=list)
    end: PromptEnd | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    variant: str = ""
    generation: Generation | None = None
    is_ahead: bool = False
    saved: bool = False
    used: int = 0

    @property
    def end_length(self) -> int:
        """Tokens of the prompt whose end is known, 0 = of none."""
        return self.end.length if self.end is not None else 0

    def take(self, tokens: list[int], known: Slot | Snapshot | None = None) -> None:
        """Hold these tokens, the beginning of something ``known``; what lies behind is not theirs."""
        self.tokens = tokens
        end = known.end if known is not None else None
        points = known.checkpoints if known is not None else ()
        self.end = end if end is not None and end.length <= len(tokens) else None
        self.checkpoints = tuple(point for point in points if point.position <= len(tokens))

    def forget_points(self, length: int) -> None:
        """What was known of points behind ``length`` tokens no longer holds."""
        self.end = None
        self.checkpoints = tuple(p for p in self.checkpoints if p.position <= length)
