"""The sequences of the cache: who uses which, what can be reused, what must go."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from puna.runner.checkpoints import kept, planned, shared_point
from puna.runner.llama import Context, Model
from puna.runner.parked import MIN_TOKENS, Parked, ParkedConversations
from puna.runner.prefix import SHARE_GAIN, common_prefix
from puna.runner.requests import Generation
from puna.runner.snapshot import Checkpoint, PromptEnd, Snapshot, furthest

_ANSWER_RESERVE = 256

_QUICK_PROMPT = 256
"""Tokens of a prompt that are read before idle conversations are put away: that takes longer than
these tokens take more beside them. Only where chance has a part in the answer: numbers depend a
little on what else the cache holds."""


@dataclass(slots=True, eq=False)
class Slot:
    """One sequence of the cache.

    Attributes:
        tokens: what its cells hold, in order.
        end: of the prompt that was read last.
        checkpoints: points to which it can be cut although its layers cannot.
        variant: the adapters they were read with, see :class:`AdapterSet`.
        saved: a copy of it is parked.
        used: larger = later.
    """

    sequence: int
    tokens: list[int] = field(default_factory=list)
    end: PromptEnd | None = None
    checkpoints: tuple[Checkpoint, ...] = ()
    variant: str = ""
    generation: Generation | None = None
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


@dataclass(frozen=True, slots=True)
class _Reuse:
    """Where the beginning of a prompt comes from: a slot, or a parked state."""

    length: int = 0
    slot: Slot | None = None
    parked: Parked | None = None


class SlotTable:
    """All slots of a context. ``slot.tokens`` always equals what the cells hold."""

    def __init__(
        self, model: Model, context: Context, slots: int, parked: ParkedConversations
    ) -> None:
        self._model = model
        self._context = context
        self._parked = parked
        self._clock = itertools.count(1)
        self.slots = [Slot(index) for index in range(slots)]
        self._scratch = slots

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
        reuse = self._best_reuse(generation)
        slot = self._target(free, reuse)
        reads = len(generation.tokens) - reuse.length
        is_quick = reads <= _QUICK_PROMPT and not generation.is_repeatable
        self._clear_others(slot, reuse, is_quick=is_quick)
        shared = self._shared(generation) if self._model.keeps_state else 0
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

    def _best_reuse(self, generation: Generation) -> _Reuse:
        best = _Reuse()
        for slot in self.slots:
            length = self._usable(slot, generation)
            busy = slot.generation is not None
            if busy and generation.prompt.media:
                continue
            # A free slot is used where it is, a busy one costs a copy.
            if length > best.length + (SHARE_GAIN if busy else 0):
                best = _Reuse(length, slot=slot)
        enough = best.length + SHARE_GAIN
        found = self._parked.find(generation.tokens, generation.variant, longer_than=enough)
        if found is not None:
            length = self._usable(found[0], generation)
            if length > best.length + SHARE_GAIN:
                best = _Reuse(length, parked=found[0])
        return best

    def _usable(self, known: Slot | Parked | Generation, generation: Generation) -> int:
        """How many of the tokens of something known a prompt can take over."""
        if known.variant != generation.variant:
            return 0
        tokens, whole = known.tokens, len(generation.tokens)
        end_length = 0 if isinstance(known, Generation) else known.end_length
        length = common_prefix(tokens, generation.tokens)
        if length == whole != end_length:
            length -= 1
        if length < whole and generation.undivided:
            return 0
        for media in generation.prompt.media:
            if media.start < length < media.end:
                length = media.start
        return self._reach(known, length)

    def _reach(self, known: Slot | Parked | Generation, length: int) -> int:
        """How many of the first ``length`` tokens of something known can be taken over."""
        if length == len(known.tokens):
            return length
        if isinstance(known, Parked):
            return self._parked.reach(known, length)
        if isinstance(known, Generation):
            return furthest(known.checkpoints, length) if self._model.keeps_state else length
        if self._can_cut(known, length):
            return length
        return furthest((point.position for point in known.checkpoints), length)

    def _can_cut(self, slot: Slot, length: int) -> bool:
        """Whether that needs no checkpoint."""
        return not self._model.keeps_state and self.window_is_whole(slot, length)

    def _shared(self, generation: Generation) -> int:
        """Tokens with which another conversation begins too; who reads them now makes a checkpoint."""
        tokens = generation.tokens
        most = self._parked.shared(tokens, generation.variant)
        for slot in self.slots:
            if slot.variant != generation.variant:
                continue
            most = max(most, common_prefix(slot.tokens, tokens))
            other = slot.generation
            if other is not None:
                length = common_prefix(other.tokens, tokens)
                point = shared_point(len(other.prompt.tokens), len(slot.tokens), length)
                other.checkpoints = tuple({*other.checkpoints, *point})
                most = max(most, length)
        return most

    def _target(self, free: list[Slot], reuse: _Reuse) -> Slot:
        own = reuse.slot
        # A long conversation is not destroyed for the sake of a short common start.
        if own in free and own is not None and reuse.length >= 0.1 * len(own.tokens):
            return own
        others = [slot for slot in free if slot is not own] or free
        return min(others, key=lambda slot: (bool(slot.tokens), slot.used))

    def _clear_others(self, target: Slot, reuse: _Reuse, *, is_quick: bool) -> None:
        for slot in self.slots:
            is_idle = slot.generation is None and slot is not reuse.slot and slot.tokens
            if is_idle and (slot is target or not is_quick):
                self.park(slot)
        if target is reuse.slot and reuse.length < 0.5 * len(target.tokens):
            self.save(target)

    def _fill(self, slot: Slot, reuse: _Reuse, generation: Generation) -> int:
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
        if generation.prompt.media:
            return True
        for other in self.slots:
            if other is slot:
                continue
            shared = self._usable(other, generation)
            if shared > len(slot.tokens) + SHARE_GAIN:
                self._take_over(slot, other, shared)
        for other in filling:
            source = other.generation
            if source is not None:
                shared = self._usable(source, generation)
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
            return self.window_is_whole(slot, length)
        return self._cut(slot, length) and self.window_is_whole(slot, length)

    def _cut(self, slot: Slot, length: int) -> bool:
        if not self._can_cut(slot, length):
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
            slot.checkpoints = kept((*slot.checkpoints, Checkpoint(len(slot.tokens), state)))

    def undo(self, slot: Slot) -> None:
        """Forget what a batch did that was not run to its end."""
        length = len(slot.tokens)
        if self._model.keeps_state:
            # The state may be half updated.
            length = furthest((point.position for point in slot.checkpoints), length)
        if length == 0 or not self._cut(slot, length) or not self.window_is_whole(slot, length):
            self.drop(slot)

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

    def window_is_whole(self, slot: Slot, length: int) -> bool:
        """A sliding window must still hold all positions that the next token looks at."""
        if self._model.window <= 0:
            return True
        first = self._context.first_position(slot.sequence)
        return 0 <= first <= max(0, length - self._model.window)

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
        if slot.saved or len(slot.tokens) < MIN_TOKENS or min(slot.tokens) < 0:
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
        if not self._can_cut(slot, length):
            return
        self._context.share(slot.sequence, self._scratch, 0, length)
        state = self._context.read_state(self._scratch, partial=True)
        self._context.drop(self._scratch)
        if state.size:
            slot.checkpoints = kept((*slot.checkpoints, Checkpoint(length, state)))

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

    def evict(self) -> bool:
        """Free the cells of the idle slot used longest ago; False when there is none."""
        idle = [slot for slot in self.slots if slot.generation is None and slot.tokens]
        if not idle:
            return False
        self.park(min(idle, key=lambda slot: slot.used))
        return True

    def forget_all(self) -> None:
        """Empty every slot, after the cache became unusable."""
        for slot in self.slots:
            self.drop(slot)


def _claim(generation: Generation | None) -> int:
    """Cells a request will want soon."""
    if generation is None:
        return 0
    rest = max(0, generation.limit - len(generation.answer))
    return len(generation.tokens) + min(rest, _ANSWER_RESERVE)
