"""What of a prompt is known already: in the cells of a slot, or parked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from puna.runner.checkpoints import shared_point
from puna.runner.llama import Context, Model
from puna.runner.parked import Parked, ParkedConversations
from puna.runner.prefix import SHARE_GAIN, common_prefix
from puna.runner.requests import Generation
from puna.runner.slot import Slot
from puna.runner.snapshot import furthest


@dataclass(frozen=True, slots=True)
class Reuse:
    """Where the first ``length`` tokens of a prompt come from: a slot, or a parked state."""

    length: int = 0
    slot: Slot | None = None
    parked: Parked | None = None


class Known:
    """Compares prompts with all that is known.

    Args:
        model: whose slots these are.
        context: of the model.
        slots: all of them.
        parked: what is kept beside them.
    """

    def __init__(
        self, model: Model, context: Context, slots: Sequence[Slot], parked: ParkedConversations
    ) -> None:
        self._model = model
        self._context = context
        self._slots = slots
        self._parked = parked

    def best(self, generation: Generation) -> Reuse:
        """What spares most of the reading."""
        best = Reuse()
        for slot in self._slots:
            length = self.usable(slot, generation)
            busy = slot.generation is not None
            # A free slot is used where it is, a busy one costs a copy.
            if length > best.length + (SHARE_GAIN if busy else 0):
                best = Reuse(length, slot=slot)
        enough = best.length + SHARE_GAIN
        found = self._parked.find(generation.tokens, generation.variant, longer_than=enough)
        if found is not None:
            length = self.usable(found[0], generation)
            if length > best.length + SHARE_GAIN:
                best = Reuse(length, parked=found[0])
        return best

    def usable(self, known: Slot | Parked | Generation, generation: Generation) -> int:
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

    def shared(self, generation: Generation) -> int:
        """Tokens with which another conversation begins too, whether they can be used or not.

        One that is being read and has not come so far makes a checkpoint there.
        """
        tokens = generation.tokens
        most = self._parked.shared(tokens, generation.variant)
        for slot in self._slots:
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

    def can_cut(self, slot: Slot, length: int) -> bool:
        """Whether a slot can be cut after ``length`` tokens without a checkpoint."""
        return not self._model.keeps_state and self.window_is_whole(slot, length)

    def window_is_whole(self, slot: Slot, length: int) -> bool:
        """A sliding window must still hold all positions that the next token looks at."""
        if self._model.window <= 0:
            return True
        first = self._context.first_position(slot.sequence)
        return 0 <= first <= max(0, length - self._model.window)

    def _reach(self, known: Slot | Parked | Generation, length: int) -> int:
        """How many of the first ``length`` tokens of something known can be taken over."""
        is_ahead = isinstance(known, Slot) and known.is_ahead
        if length == len(known.tokens) and not is_ahead:
            return length
        if isinstance(known, Parked):
            return self._parked.reach(known, length)
        if isinstance(known, Generation):
            return furthest(known.checkpoints, length) if self._model.keeps_state else length
        if self.can_cut(known, length):
            return length
        return furthest((point.position for point in known.checkpoints), length)
