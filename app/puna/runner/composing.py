"""What goes into the next batch: a row for each stream, then as much of prompts as there is time for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from puna.runner.chunks import chunk_length
from puna.runner.experience import Experience
from puna.runner.guessing import NO_GUESS, Guess, Guessing
from puna.runner.loading import OpenModel
from puna.runner.padding import TILE
from puna.runner.requests import Generation
from puna.runner.slot import Slot
from puna.runner.slots import SlotTable

NO_ROW = -1
REMEMBERED = -2


@dataclass(slots=True)
class Part:
    """What one slot has in the batch.

    Attributes:
        row: whose logits are wanted; or :data:`NO_ROW`, or :data:`REMEMBERED` for
            those at the end of a prompt that was read before.
        guess: of the tokens in the rows behind it.
    """

    slot: Slot
    start: int
    count: int
    row: int
    guess: Guess = NO_GUESS


class Composer:
    """Fills the batch of a model. Belongs to the main thread.

    Args:
        opened: the model.
        slots: all of its slots.
        experience: what batches take.
        guessing: of tokens that come next.
    """

    def __init__(
        self, opened: OpenModel, slots: SlotTable, experience: Experience, guessing: Guessing
    ) -> None:
        self._opened = opened
        self._batch = opened.batch
        self._slots = slots
        self._experience = experience
        self._guessing = guessing

    def fill(self, streams: Sequence[Slot], *, somebody_waits: bool, may_guess: bool) -> list[Part]:
        """Make the batch: one ubatch at most.

        Args:
            streams: slots that share it, each with room in its window.
            somebody_waits: others want the next batch, so this one must not take long.
            may_guess: whether a stream that is alone may have guesses in it.
        """
        self._batch.clear()
        parts: list[Part] = []
        reading: list[Slot] = []
        may_guess = may_guess and len(self._slots.running) == 1
        for slot in streams:
            generation = slot.generation
            if generation is None:
                continue
            if generation.begun and generation.pending(len(slot.tokens)) == 1:
                parts.append(self._stream_row(slot, generation, may_guess=may_guess))
            else:
                reading.append(slot)
        self._read_prompts(parts, reading, somebody_waits=somebody_waits)
        return parts

    def pad(self, parts: Sequence[Part]) -> int:
        """Add rows that mean nothing where a batch is quicker with them; how many."""
        opened, context = self._opened, self._opened.context
        if opened.fast_rows == 0 or opened.model.keeps_state or self._slots.spare_is_lent:
            return 0
        if prompt_rows(parts):
            return 0
        used = sum(len(slot.tokens) for slot in self._slots.slots)
        if used + self._batch.rows + TILE > context.cells:
            return 0
        added = self._experience.padding(len(parts))
        for position in range(added):
            self._batch.add_row(opened.spare, max(0, opened.model.vocabulary.bos), position)
        return added

    def _stream_row(self, slot: Slot, generation: Generation, *, may_guess: bool) -> Part:
        position = len(slot.tokens)
        row = self._batch.add_row(slot.sequence, generation.tokens[position], position)
        guess = self._guess(generation, position) if may_guess else NO_GUESS
        for place, token in enumerate(guess.tokens, start=position + 1):
            self._batch.add_row(slot.sequence, token, place)
        return Part(slot, position, 1, row, guess)

    def _guess(self, generation: Generation, position: int) -> Guess:
        """Tokens to check beside the next one.

        With a seed the batches must be the same each time, so there are none.
        """
        seeded = generation.request.sampling.seed != -1
        if not self._guessing.ready or seeded:
            return NO_GUESS
        if generation.guessers is None:
            generation.guessers = self._guessing.guessers()
        room = min(
            generation.window - position - 2,
            generation.limit - len(generation.answer) - 1,
            self._opened.ubatch - self._batch.rows,
        )
        return self._guessing.guess(generation.guessers, generation.tokens, room)

    def _read_prompts(
        self, parts: list[Part], reading: Sequence[Slot], *, somebody_waits: bool
    ) -> None:
        beside = self._batch.rows
        room = self._opened.ubatch - beside
        if reading and (parts or somebody_waits):
            room = min(room, self._experience.room(beside, len(reading[0].tokens)))
        filling: list[Slot] = []
        for slot in reading:
            if room <= 0:
                return
            if not self._slots.bind_late(slot, filling) or not _is_pending(slot):
                continue
            part = self._prompt_part(slot, room)
            filling.append(slot)
            parts.append(part)
            room -= part.count

    def _prompt_part(self, slot: Slot, room: int) -> Part:
        generation = slot.generation
        assert generation is not None
        start = len(slot.tokens)
        run, fast = generation.piece(start), self._opened.fast_rows
        size = chunk_length(run, room, start=start, fast_rows=fast)
        if size == run and fast:
            start, size = self._filled(slot, start, size, room)
        tokens = generation.tokens[start : start + size]
        last = start + size == len(generation.tokens)
        row = self._batch.add_chunk(slot.sequence, tokens, start, last_output=last)
        return Part(slot, start, size, row if last else NO_ROW)

    def _filled(self, slot: Slot, start: int, size: int, room: int) -> tuple[int, int]:
        """Begin a short last chunk earlier, where the cache can be cut there."""
        fast = self._opened.fast_rows
        rows = size + self._batch.rows
        earlier = self._experience.fill_start(start, rows, fast_rows=fast)
        generation = slot.generation
        assert generation is not None
        media_end = max((media.end for media in generation.prompt.media), default=0)
        grown = size + start - earlier
        if earlier == start or grown > room or earlier < media_end:
            return start, size
        # A state that was put back may have no more of a sliding window than the next token needs.
        if self._opened.model.keeps_state or not self._slots.window_is_whole(slot, earlier):
            return start, size
        if not self._slots.cut(slot, earlier):
            self._slots.drop(slot)
            return 0, min(room, generation.piece(0))
        return earlier, grown


def prompt_rows(parts: Iterable[Part]) -> int:
    """How many rows of a batch are of prompts."""
    return sum(part.count for part in parts if part.count > 1)


def _is_pending(slot: Slot) -> bool:
    generation = slot.generation
    return generation is not None and generation.pending(len(slot.tokens)) > 0
