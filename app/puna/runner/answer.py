"""What one new token does to an answer: text, log probabilities, reasons to stop."""

from __future__ import annotations

import time

from puna.chat.events import TokenLogprob
from puna.runner.llama import FloatArray
from puna.runner.loading import OpenModel
from puna.runner.protocol import Delta, Finished, Report, Step
from puna.runner.requests import Ending, Generation
from puna.runner.sampling import joined_logprob, token_logprob
from puna.runner.slot import Slot
from puna.runner.slots import SlotTable

REPEAT_LIMIT = 30
"""More equal tokens in a row than this end an answer. Source: contract 4.9."""


class Answers:
    """Applies tokens to generations."""

    def __init__(self, opened: OpenModel, slots: SlotTable) -> None:
        self._opened = opened
        self._vocabulary = opened.model.vocabulary
        self._slots = slots

    def advance(
        self, generation: Generation, logits: FloatArray
    ) -> tuple[Delta | None, Ending | None]:
        """Choose the next token; what to send for it, and whether it is the last."""
        if not generation.begun:
            generation.first_ns = time.monotonic_ns()
        token = generation.sampler.choose(logits)
        if token is None:
            return None, Ending("stop")
        self._append(generation, token)
        if generation.sampler.ended:
            return None, Ending("stop")
        text = generation.text.feed(self._bytes(generation, token))
        logprobs = self._logprobs(generation, logits, token)
        delta = Delta(generation.id, text, logprobs) if text or logprobs else None
        return delta, self._ending(generation)

    def finish(self, generation: Generation, ending: Ending) -> list[Report]:
        """The last reports of an answer; frees what it used."""
        reports: list[Report] = []
        rest = generation.text.close()
        logprobs = tuple(generation.open_logprobs)
        if rest or logprobs:
            reports.append(Step((Delta(generation.id, rest, logprobs),)))
        usage = generation.usage(self._vocabulary.bos)
        reports.append(Finished(generation.id, ending.reason, usage, ending.stop))
        generation.sampler.close()
        return reports

    def make_window(self, slot: Slot, generation: Generation) -> bool:
        """Make room for one more token; False when the window is full and stays so.

        Half of what follows the kept beginning is dropped, as llama.cpp's server does.
        """
        length = len(slot.tokens)
        if not generation.begun or length + 1 < generation.window:
            return True
        if not generation.request.shift or not self._opened.report.can_shift:
            return False
        kept = max([generation.kept, *(media.end for media in generation.prompt.media)])
        count = (length - kept) // 2
        if count <= 0:
            return False
        self._slide(slot, generation, kept, count)
        generation.shifted += count
        return True

    def _slide(self, slot: Slot, generation: Generation, kept: int, count: int) -> None:
        length = len(slot.tokens)
        del generation.tokens[kept : kept + count]
        context = self._opened.context
        # Cells that another sequence owns too cannot move: then the rest is read again.
        if self._slots.can_slide(slot, kept + count) and context.cut(
            slot.sequence, kept, kept + count
        ):
            context.shift(slot.sequence, kept + count, length, -count)
            del slot.tokens[kept : kept + count]
            slot.forget_points(kept)
        else:
            self._slots.cut(slot, kept)

    def _append(self, generation: Generation, token: int) -> None:
        same = bool(generation.answer) and generation.answer[-1] == token
        generation.repeats = generation.repeats + 1 if same else 1
        generation.answer.append(token)
        generation.tokens.append(token)

    def _bytes(self, generation: Generation, token: int) -> bytes:
        if self._vocabulary.is_control(token) and token not in generation.preserved:
            return b""
        return self._vocabulary.piece(token)

    def _ending(self, generation: Generation) -> Ending | None:
        if generation.text.stop is not None:
            return Ending("stop", generation.text.stop)
        if len(generation.answer) >= generation.limit:
            return Ending("length")
        if generation.request.repeat_guard and generation.repeats > REPEAT_LIMIT:
            return Ending("repeat")
        return None

    def _logprobs(
        self, generation: Generation, logits: FloatArray, token: int
    ) -> tuple[TokenLogprob, ...]:
        """Entries that are complete; a character of several tokens is one entry."""
        count = generation.request.logprobs
        if count < 0:
            return ()
        generation.open_logprobs.append(token_logprob(self._vocabulary, logits, token, count))
        if generation.text.incomplete:
            return ()
        parts = generation.open_logprobs
        generation.open_logprobs = []
        return (joined_logprob(parts) if len(parts) > 1 else parts[0],)
