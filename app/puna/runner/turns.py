"""Whose turn it is: streams with different adapters cannot share a batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable

from puna.runner.adapters import AdapterSet
from puna.runner.slot import Slot

TURN_S = 0.2
"""Seconds until others get their turn; each change of adapters costs some milliseconds."""


class Turns:
    """Gives every set of adapters that has streams its share of the time.

    Args:
        apply: puts adapters in force for the next batches.
        clock: monotonic s.

    Attributes:
        others_wait: streams with other adapters wait until the next batch is done.
    """

    def __init__(
        self, apply: Callable[[AdapterSet], None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._apply = apply
        self._clock = clock
        self._current: AdapterSet | None = None
        self._began = 0.0
        self._ended: dict[AdapterSet, float] = {}
        self.others_wait = False

    def next(self, running: Iterable[Slot]) -> list[Slot]:
        """The slots that share the next batch; their adapters are put in force."""
        slots: dict[AdapterSet, list[Slot]] = {}
        for slot in running:
            if slot.generation is not None:
                slots.setdefault(slot.generation.adapters, []).append(slot)
        if not slots:
            return []
        self.others_wait = len(slots) > 1
        chosen = self._choose(slots)
        self._apply(chosen)
        return slots[chosen]

    def _choose(self, sets: Collection[AdapterSet]) -> AdapterSet:
        """The set that has the turn; after it, the one that had none for longest."""
        now, current = self._clock(), self._current
        others = [one for one in sets if one is not current]
        if current is not None:
            if current in sets and (not others or now - self._began < TURN_S):
                return current
            self._ended[current] = now
        self._began = now
        self._current = min(others, key=lambda one: self._ended.get(one, 0.0))
        return self._current
