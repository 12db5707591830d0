"""The sequences of the cache: who uses which, what can be reused, what must go."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from puna.runner.checkpoints import kept, planned
from puna.runner.llama import Context, Model
from puna.runner.parked import MIN_TOKENS, Parked, ParkedConversations
from puna.runner.prefix import SHARE_GAIN, common_prefix
from puna.runner.requests import Generation
from puna.runner.reuse import Known, Reuse
from puna.runner.slot import Slot
from puna.runner.snapshot import Checkpoint, Snapshot, furthest

_ANSWER_RESERVE = 256

_QUICK_PROMPT = 256
"""Tokens of a prompt that are read before idle conversations are put away: that takes longer than
these tokens take more beside them. Only where chance has a part in the answer: numbers depend a
little on what else the cache holds."""


class SlotTable:
    """All slots of a context. ``slot.tokens`` always equals what the cells hold.

    Attributes:
        spare_is_lent: a text is in the spare sequence, which then has no other use.
    """

    def __init__(
        self, model: Model, context: Context, slots: int, parked: ParkedConversations
    ) -> None:
        self._model = model
        self._context = context
        self._parked = parked
        self._clock = itertools.count(1)
        self.slots = [Slot(index) for index in range(slots)]
        self._spare = slots
        self.spare_is_lent = False
        self._known = Known(model, context, self.slots, parked)

    @property
    def running(self) -> list[Slot]:
        """Slots with a request, in the order the requests were admitted."""
        busy = (slot for slot in self.slots if slot.generation is not None)
        return sorted(busy, key=lambda slot: slot.used)

    # ------------------------------------------------------------ admission

    def place(self, generation: Generation) -> Slot | None:
        """Give a request a slot and everything of its prompt that is known already.

        Returns ``None`` when it must wait for a slot or for cells.
        """
        free = [slot for slot in self.slots if slot.generation is None]
        if not free or not self._has_room(generation):
            return None
        reuse = self._known.best(generation)
        slot = self._target(free, reuse)
        reads = len(generation.tokens) - reuse.length
        is_quick = reads <= _QUICK_PROMPT and not generation.is_repeatable
        self._clear_others(slot, reuse, is_quick=is_quick)
        shared = self._known.shared(generation) if self._model.keeps_state else 0
        length = self._fill(slot, reuse, generation)
        slot.variant = generation.variant
        if reuse.slot is not None and reuse.slot is not slot and reuse.slot.generation is None:
            self.park(reuse.slot)
        slot.generation = generation
        slot.saved = False
        slot.used = next(self._clock)
        if not generation.begun:
            generation.cached = length
        if self._model.keeps_state and not generation.undivided:
            generation.checkpoints = planned(len(generation.prompt.tokens), length, shared)
        return slot

    def _has_room(self, generation: Generation) -> bool:
        running = self.running
        if not running:
            return True
        used = sum(_claim(slot.generation) for slot in running if slot.generation)
        return used + _claim(generation) <= self._context.cells

    def _target(self, free: list[Slot], reuse: Reuse) -> Slot:
        own = reuse.slot
        # A long conversation is not destroyed for the sake of a short common start.
        if own in free and own is not None and reuse.length >= 0.1 * len(own.tokens):
            return own
        others = [slot for slot in free if slot is not own] or free
        return min(others, key=lambda slot: (bool(slot.tokens), slot.used))

    def _clear_others(self, target: Slot, reuse: Reuse, *, is_quick: bool) -> None:
        for slot in self.slots:
            is_idle = slot.generation is None and slot is not reuse.slot and slot.tokens
            if is_idle and (slot is target or not is_quick):
                self.park(slot)
        if target is reuse.slot and reuse.length < 0.5 * len(target.tokens):
            self.save(target)

    def _fill(self, slot: Slot, reuse: Reuse, generation: Generation) -> int:
        """Put the reused part into the slot; returns its length in the end."""
        length = reuse.length
        if reuse.parked is not None:
            length = self._restore(slot, reuse.parked, length)
        elif reuse.slot is not None and reuse.slot is not slot:
            self._context.drop(slot.sequence)
            self._context.share(reuse.slot.sequence, slot.sequence, 0, length)
            slot.take(list(reuse.slot.tokens), reuse.slot)
        if length == 0 or not self.cut(slot, length):
            self.drop(slot)
        return len(slot.tokens)

    def _restore(self, slot: Slot, parked: Parked, length: int) -> int:
        self.drop(slot)
        found = self._parked.read(parked)
        if found is None or not self._context.write_state(slot.sequence, found.state):
            self._parked.remove(parked)
            self.drop(slot)
            return 0
        slot.take(list(parked.tokens), found)
        return length

    # ------------------------------------------------------------ while it runs

    def bind_late(self, slot: Slot, filling: Iterable[Slot]) -> bool:
        """Take over what another slot has read of this prompt by now.

        Returns False when a slot of ``filling`` reads the same tokens in this
        very step: then waiting is cheaper than reading.
        """
        generation = slot.generation
        assert generation is not None
        for other in self.slots:
            if other is slot:
                continue
            shared = self._known.usable(other, generation)
            if shared > len(slot.tokens) + SHARE_GAIN:
                self._take_over(slot, other, shared)
        for other in filling:
            source = other.generation
            if source is not None:
                shared = self._known.usable(source, generation)
                if shared > len(slot.tokens) + SHARE_GAIN:
                    return False
        return True

    def _take_over(self, slot: Slot, other: Slot, end: int) -> None:
        generation = slot.generation
        assert generation is not None
        start = len(slot.tokens)
        self._context.share(other.sequence, slot.sequence, start, end)
        slot.take(list(other.tokens), other)
        if self.cut(slot, end):
            generation.cached += end - start
        else:
            self.drop(slot)
            # It is not tried again at each step.
            other.checkpoints = ()

    def cut(self, slot: Slot, length: int) -> bool:
        """Keep the first ``length`` tokens; False when nothing usable would remain."""
        if length == len(slot.tokens) > self._context.last_position(slot.sequence):
            return self._known.window_is_whole(slot, length)
        return self._cut(slot, length) and self._known.window_is_whole(slot, length)

    def _cut(self, slot: Slot, length: int) -> bool:
        if not self._known.can_cut(slot, length):
            point = next((p for p in slot.checkpoints if p.position == length), None)
            if point is None:
                return False
            if not self._context.write_state(slot.sequence, point.state, partial=True):
                return False
        if not self._context.cut(slot.sequence, length):
            return False
        slot.take(slot.tokens[:length], slot)
        return True

    def checkpoint(self, slot: Slot) -> None:
        """Keep the point up to which a slot has just read."""
        state = self._context.read_state(slot.sequence, partial=True)
        if state.size:
            slot.checkpoints = self._kept(slot, Checkpoint(len(slot.tokens), state))

    def _kept(self, slot: Slot, newest: Checkpoint) -> tuple[Checkpoint, ...]:
        """Those of all slots take as much as the conversations that are parked, at most."""
        share = self._parked.limit // len(self.slots)
        return kept((*slot.checkpoints, newest), share)

    def undo(self, slot: Slot) -> None:
        """Forget what a batch did that was not run to its end."""
        length = len(slot.tokens)
        if self._model.keeps_state:
            # The state may be half updated.
            length = furthest((point.position for point in slot.checkpoints), length)
        is_left = length > 0 and self._cut(slot, length)
        if not is_left or not self._known.window_is_whole(slot, length):
            self.drop(slot)

    def window_is_whole(self, slot: Slot, length: int) -> bool:
        """Whether a slot can be read on from ``length``, see :meth:`Known.window_is_whole`."""
        return self._known.window_is_whole(slot, length)

    def can_slide(self, slot: Slot, start: int) -> bool:
        """Whether no other sequence shares cells from ``start`` on."""
        for other in self.slots:
            if other is slot or other.variant != slot.variant:
                continue
            if common_prefix(other.tokens, slot.tokens) > start:
                if other.generation is not None:
                    return False
                self.park(other)
        return True

    # ------------------------------------------------------------ going

    def release(self, slot: Slot) -> None:
        """The request of a slot has ended; its tokens stay for the next one."""
        slot.generation = None
        slot.saved = False
        slot.used = next(self._clock)

    def drop(self, slot: Slot) -> None:
        """Empty a slot."""
        self._context.drop(slot.sequence)
        slot.take([])
        slot.saved = False

    def save(self, slot: Slot) -> None:
        """Park a copy of an idle slot, unless that was done or is not worth it."""
        if slot.saved or len(slot.tokens) < MIN_TOKENS:
            return
        slot.saved = True
        if self._parked.has(slot.tokens, slot.variant):
            return
        state = self._context.read_state(slot.sequence)
        if state.size:
            self._checkpoint_prompt(slot)
            snapshot = Snapshot(state, slot.checkpoints, slot.end)
            self._parked.add(list(slot.tokens), snapshot, slot.variant)

    def _checkpoint_prompt(self, slot: Slot) -> None:
        """Keep the point before the answer, where the slot can be cut there and its copy cannot.

        Its prompt comes again when an answer is made anew, or when the reasoning is left out of
        the history.
        """
        length = slot.end_length
        if self._model.window <= 0 or not MIN_TOKENS <= length < len(slot.tokens):
            return
        if self.spare_is_lent or not self._known.can_cut(slot, length):
            return
        self._context.share(slot.sequence, self._spare, 0, length)
        state = self._context.read_state(self._spare, partial=True)
        self._context.drop(self._spare)
        if state.size:
            slot.checkpoints = self._kept(slot, Checkpoint(length, state))

    def park(self, slot: Slot) -> None:
        """Copy an idle slot out and free its cells."""
        self.save(slot)
        self.drop(slot)

    def park_idle(self) -> None:
        """Put one idle conversation away: its cells cost the streams that run."""
        slot = next((s for s in self.slots if s.generation is None and s.tokens), None)
        if slot is not None:
            self.park(slot)

    def park_next(self) -> bool:
        """Idle work: copy one slot out; only the last used one keeps its cells."""
        idle = [slot for slot in self.slots if slot.generation is None and slot.tokens]
        idle.sort(key=lambda slot: slot.used)
        for slot in idle[:-1]:
            self.park(slot)
            return True
        if idle and not idle[-1].saved and len(idle[-1].tokens) >= MIN_TOKENS:
            self.save(idle[-1])
            idle[-1].saved = True
            return True
        return False

    def save_all(self) -> None:
        """Park copies of all idle slots."""
        for slot in self.slots:
            if slot.generation is None:
                self.save(slot)

    def take_spare_back(self) -> bool:
        """Forget the text in the spare sequence; False when there is none."""
        was_lent, self.spare_is_lent = self.spare_is_lent, False
        if was_lent:
            self._context.drop(self._spare)
        return was_lent

    def evict(self) -> bool:
        """Free the cells of the idle slot used longest ago; False when there is none."""
        idle = [slot for slot in self.slots if slot.generation is None and slot.tokens]
        if not idle:
            return False
        self.park(min(idle, key=lambda slot: slot.used))
        return True

    def forget_all(self) -> None:
        """Empty every slot, after the cache became unusable."""
        self.take_spare_back()
        for slot in self.slots:
            self.drop(slot)


def _claim(generation: Generation | None) -> int:
    """Cells a request will want soon."""
    if generation is None:
        return 0
    rest = max(0, generation.limit - len(generation.answer))
    return len(generation.tokens) + min(rest, _ANSWER_RESERVE)
