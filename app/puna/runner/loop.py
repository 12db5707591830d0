"""The inner loop: one batch per step for all streams and all prompts."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence

from puna.runner.answer import Answers
from puna.runner.chunks import STREAM_BUDGET_S
from puna.runner.composing import NO_ROW, REMEMBERED, Composer, Part, prompt_rows
from puna.runner.delivery import FIRST_TOKENS, QUICK_S, Delivery
from puna.runner.experience import Experience, Piece
from puna.runner.fairness import next_in_line
from puna.runner.guessing import Guessing
from puna.runner.llama import FloatArray, NativeError
from puna.runner.loading import OpenModel
from puna.runner.multimodal import Media, Projector, Stopped
from puna.runner.protocol import Delta, Failed, FailureKind, Progress, Report, Step
from puna.runner.requests import Ending, Generation
from puna.runner.slot import Slot
from puna.runner.slots import SlotTable
from puna.runner.snapshot import PromptEnd
from puna.runner.turns import Turns

_NO_CELLS = 1
_ABORTED = 2
_NO_MEMORY = -2


class Loop:
    """Requests for text, from waiting to their last token.

    Lives on the main thread. Every request it is given ends in one ``Finished``
    or one ``Failed``.

    Args:
        opened: the model.
        slots: its slots.
        send: takes the reports.
        attend: called in the middle of long steps: takes commands, and does what else does
            not wait; whether to go on.
    """

    def __init__(
        self,
        opened: OpenModel,
        slots: SlotTable,
        send: Callable[[Report], None],
        attend: Callable[[], bool],
    ) -> None:
        self._opened = opened
        self._context = opened.context
        self._batch = opened.batch
        self._slots = slots
        self._delivery = Delivery(send)
        self._send = self._delivery.send
        self._answers = Answers(opened, slots)
        self._turns = Turns(opened.adapters.apply)
        self._waiting: deque[Generation] = deque()
        self._experience = Experience()
        self._attend = attend
        self._is_looking = False
        self._stepped = 0.0
        self.guessing = Guessing(opened)
        self._composer = Composer(opened, slots, self._experience, self.guessing)

    @property
    def busy(self) -> bool:
        """Whether a step would do something."""
        return bool(self._waiting) or any(slot.generation for slot in self._slots.slots)

    @property
    def reads(self) -> bool:
        """Whether a prompt waits to be read."""
        generations = [*self._waiting, *(slot.generation for slot in self._slots.slots)]
        return any(g is not None and not g.begun for g in generations)

    def room(self, depth: int, *, but: int = 0) -> int:
        """Rows of what is read beside the batches, at a depth, in one go.

        Args:
            depth: tokens before them.
            but: slots that wait for these very rows.
        """
        beside, most = len(self._slots.running) - but, self._opened.ubatch
        return min(most, self._experience.room(beside, depth)) if beside or self._waiting else most

    def may_interrupt(self, request_id: int) -> bool:
        """Whether the running batch may be stopped for a request. Safe to call from any thread."""
        generations = [slot.generation for slot in self._slots.slots]
        running = [g.id for g in generations if g is not None]
        # Recurrent states are lost with it, also those of the others.
        alone = len(running) == 1
        return request_id in running and (alone or not self._opened.model.keeps_state)

    def submit(self, generation: Generation) -> None:
        """Put a request at the end of the queue."""
        self._waiting.append(generation)

    def cancel(self, request_id: int) -> bool:
        """End a request; False when it is not here."""
        for generation in self._waiting:
            if generation.id == request_id:
                self._waiting.remove(generation)
                self._fail(generation, "canceled", "request canceled")
                return True
        for slot in self._slots.slots:
            generation_here = slot.generation
            if generation_here is not None and generation_here.id == request_id:
                if slot.is_ahead:
                    self._forget_media(slot)
                self._slots.release(slot)
                self._fail(generation_here, "canceled", "request canceled")
                return True
        return False

    def step(self) -> None:
        """Admit, decode one batch, sample, report."""
        self._admit()
        streams = self._turns.next(self._slots.running)
        if not self._look(streams):
            self._go_on(streams)

    def _go_on(self, streams: Sequence[Slot]) -> None:
        """One batch of these streams."""
        self._decode(streams)
        self._stepped = time.monotonic()

    def _decode(self, streams: Sequence[Slot]) -> None:
        self._begin_known(streams)
        parts = self._composer.fill(
            self._in_window(streams),
            somebody_waits=self._turns.others_wait or self._is_looking,
            may_guess=not self._waiting,
        )
        if not parts or prompt_rows(parts):
            self._delivery.flush()
        if not parts:
            return
        added = self._composer.pad(parts)
        started = time.monotonic()
        result = self._context.decode(self._batch.native)
        if added:
            self._context.drop(self._opened.spare)
        if result != 0:
            self._recover(parts, result)
            return
        wanted = any(part.row >= 0 for part in parts)
        if wanted:
            self._context.synchronize()
        self._delivery.tick()
        self._commit(parts)
        took = time.monotonic() - started
        self._learn(parts, took, added)
        if wanted:
            self._sample(parts, quick=took < QUICK_S)
        if self.busy and not self.reads:
            self._slots.park_idle()

    # ------------------------------------------------------------ before the batch

    def _admit(self) -> None:
        while self._waiting:
            generation = self._waiting[self._next()]
            if self._slots.place(generation) is None:
                return
            self._waiting.remove(generation)
            if not generation.admitted_ns:
                generation.admitted_ns = time.monotonic_ns()

    def _next(self) -> int:
        running = [slot.generation for slot in self._slots.running]
        return next_in_line(
            [generation.request.client for generation in self._waiting],
            [generation.request.client for generation in running if generation is not None],
        )

    def _begin_known(self, streams: Sequence[Slot]) -> None:
        """Choose the first tokens of prompts that are known to their end; needs no batch."""
        parts: list[Part] = []
        for slot in streams:
            length = len(slot.tokens)
            if slot.generation is not None and slot.generation.pending(length) == 0:
                parts.append(Part(slot, length, 0, REMEMBERED))
        self._sample(parts)

    def _in_window(self, streams: Sequence[Slot]) -> list[Slot]:
        """Those with room for one more token; the others are ended."""
        inside: list[Slot] = []
        for slot in streams:
            generation = slot.generation
            if generation is None:
                continue
            if self._answers.make_window(slot, generation):
                inside.append(slot)
            else:
                self._finish(slot, generation, Ending("length"))
        return inside

    # ------------------------------------------------------------ images and sounds

    def _look(self, streams: Sequence[Slot]) -> bool:
        """Put one image or sound into the cache, if one is next somewhere."""
        projector = self._opened.projector
        if projector is None:
            return False
        for slot in streams:
            if _next_media(slot) is not None:
                # Another request may have brought the same ones meanwhile.
                self._slots.bind_late(slot, ())
            generation, media = slot.generation, _next_media(slot)
            if generation is None or media is None:
                continue
            self._delivery.flush()
            self._is_looking = True
            try:
                self._look_at(projector, slot, generation, media)
            except NativeError as error:
                # A batch that was stopped for a cancelled request looks like one that failed.
                self._attend()
                if slot.generation is generation:
                    self._slots.drop(slot)
                    self._slots.release(slot)
                    self._fail(generation, "internal", str(error))
            finally:
                self._is_looking = False
                slot.is_ahead = False
            return True
        return False

    def _look_at(
        self, projector: Projector, slot: Slot, generation: Generation, media: Media
    ) -> None:
        """Encode media and read them, which takes seconds; the other streams go on meanwhile."""

        def between() -> bool:
            return self._others_go_on(slot, generation)

        try:
            vectors = projector.encode(media.chunk, between)
            rows = self.room(media.start, but=1)
            slot.is_ahead = True
            projector.read(self._context, media, vectors, slot.sequence, rows=rows, between=between)
        except Stopped:
            return
        slot.tokens = generation.tokens[: media.end]
        self._send(Progress(generation.id, media.end, len(generation.prompt.tokens)))

    def _others_go_on(self, slot: Slot, generation: Generation) -> bool:
        """In the middle of media: a batch of the others when it is time; whether to go on."""
        goes_on = self._attend() and slot.generation is generation
        if goes_on and time.monotonic() - self._stepped >= STREAM_BUDGET_S:
            self._admit()
            others = [other for other in self._slots.running if _next_media(other) is None]
            self._go_on(self._turns.next(others))
            self._delivery.flush()
        # What was done meanwhile may have wanted others.
        self._opened.adapters.apply(generation.adapters)
        return goes_on and slot.generation is generation

    def _forget_media(self, slot: Slot) -> None:
        """Some of the media that are next may be in the cache."""
        if not self._slots.cut(slot, len(slot.tokens)):
            self._slots.drop(slot)

    # ------------------------------------------------------------ after the batch

    def _commit(self, parts: list[Part]) -> None:
        for part in parts:
            generation = part.slot.generation
            assert generation is not None
            end = part.start + part.count
            part.slot.tokens.extend(generation.tokens[part.start : end])
            if end in generation.checkpoints:
                self._slots.checkpoint(part.slot)
            if part.row < 0:
                self._send(Progress(generation.id, end, len(generation.prompt.tokens)))

    def _learn(self, parts: list[Part], took: float, added: int) -> None:
        """Take notice of what a batch took, in s."""
        pieces = [Piece(part.start, part.count, part.row >= 0) for part in parts]
        self._experience.observe(pieces, added, took)
        if len(parts) == 1 and parts[0].count == 1:
            self.guessing.rows.observe(self._batch.rows, took)

    def _sample(self, parts: list[Part], *, quick: bool = False) -> None:
        deltas: list[Delta] = []
        endings: list[tuple[Slot, Generation, Ending]] = []
        apart = False
        for part in parts:
            generation = part.slot.generation
            if generation is None or part.row == NO_ROW:
                continue
            ending = self._advance(part, generation, deltas)
            quick = quick and len(generation.answer) > FIRST_TOKENS
            apart = apart or generation.request.apart
            if ending is not None:
                endings.append((part.slot, generation, ending))
        if deltas and quick:
            self._delivery.hold(deltas, apart=apart)
        elif deltas:
            self._send(Step(tuple(deltas)))
        for slot, generation, ending in endings:
            self._finish(slot, generation, ending)

    def _advance(self, part: Part, generation: Generation, deltas: list[Delta]) -> Ending | None:
        """Choose the next token, and as many more as were guessed rightly."""
        right, guessed = 0, part.guess.tokens
        if not generation.begun and part.row != REMEMBERED:
            logits = self._context.logits(part.row).copy()
            part.slot.end = PromptEnd(len(part.slot.tokens), logits)
        while True:
            logits = self._logits(part, right)
            delta, ending = self._answers.advance(generation, logits)
            if delta is not None:
                deltas.append(delta)
            chosen = generation.tokens[-1]
            if ending is not None or right == len(guessed) or chosen != guessed[right]:
                break
            part.slot.tokens.append(chosen)
            right += 1
        if guessed:
            self._judge(part, right)
        return ending

    def _logits(self, part: Part, ahead: int) -> FloatArray:
        if part.row != REMEMBERED:
            return self._context.logits(part.row + ahead)
        assert part.slot.end is not None
        return part.slot.end.logits

    def _judge(self, part: Part, right: int) -> None:
        """Forget the cells of wrong guesses."""
        part.guess.judge(right)
        if not self._slots.cut(part.slot, len(part.slot.tokens)):
            self._slots.drop(part.slot)

    # ------------------------------------------------------------ endings

    def _finish(self, slot: Slot, generation: Generation, ending: Ending) -> None:
        self._slots.release(slot)
        for report in self._answers.finish(generation, ending):
            self._send(report)

    def _fail(self, generation: Generation, kind: FailureKind, text: str) -> None:
        generation.sampler.close()
        self._send(Failed(generation.id, kind, text))

    def _recover(self, parts: list[Part], result: int) -> None:
        """Undo a batch that did not run to its end; the next step tries again."""
        self._context.clear_abort()
        if result != _NO_CELLS:
            for part in parts:
                self._slots.undo(part.slot)
        if result == _ABORTED:
            return
        if result == _NO_CELLS and self._free_cells():
            return
        if any(part.guess.tokens for part in parts):
            # Without room for guesses there may be room for the answer.
            self.guessing.rows.forget()
            return
        kind: FailureKind = "memory" if result in (_NO_CELLS, _NO_MEMORY) else "internal"
        for slot in self._slots.running:
            generation = slot.generation
            assert generation is not None
            self._slots.release(slot)
            self._fail(generation, kind, f"the model cannot be evaluated (code {result})")
        self._slots.forget_all()

    def _free_cells(self) -> bool:
        """Let somebody wait: an idle conversation, a text that is to have a vector, a request."""
        return self._slots.evict() or self._slots.take_spare_back() or self._preempt()

    def _preempt(self) -> bool:
        """Send the request admitted last back to the queue; its tokens are read again later."""
        running = self._slots.running
        if len(running) < 2:
            return False
        slot = running[-1]
        generation = slot.generation
        assert generation is not None
        self._slots.release(slot)
        self._slots.drop(slot)
        self._waiting.appendleft(generation)
        return True


def _next_media(slot: Slot) -> Media | None:
    generation = slot.generation
    return generation.media_at(len(slot.tokens)) if generation is not None else None
