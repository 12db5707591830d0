"""A smaller model with the same vocabulary that guesses the next tokens.

Measured on two cores, in steps of the model: SmolLM2 135M in Q4_0 guesses for
itself in F32, six times its size, at 0.3 per token, and four guesses cost 2.5
together; for itself in Q4_1 at 0.9, and four guesses cost 6.5, which never pays.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence

from puna.runner.batch import Batch
from puna.runner.llama import Context, Model, NativeError
from puna.runner.load_errors import LoadError
from puna.runner.prefix import common_prefix

logger = logging.getLogger(__name__)

CHUNK = 64
"""Tokens of a text that are read in one step, so that the stream goes on meanwhile."""

_MOST_UNSHARED = 128
"""Tokens by which vocabularies may differ in size: some are padded.
Source: llama.cpp, common/speculative.cpp."""

_BOUND = ("eagle3", "dflash", "gemma4-assistant")
"""Architectures that read the inner states of their model. Source: llama.h, ``ctx_other``."""

_DEPTH = 16
_REPEATS = 3
_LEARNING = 0.1


def require_fit(draft: Model, target: Model) -> None:
    """Refuse a draft model whose guesses ``target`` could not use.

    Raises:
        LoadError: the vocabularies differ, a state cannot be taken back, or it
            is no model of its own.
    """
    if draft.metadata("general.architecture") in _BOUND:
        raise LoadError("unsupported", "drafts that read the states of the model are not supported")
    if target.keeps_state or draft.keeps_state:
        raise LoadError("unsupported", "recurrent models cannot take guesses back")
    ours, theirs = draft.vocabulary, target.vocabulary
    shared = min(ours.size, theirs.size)
    alike = (
        (ours.kind, ours.bos, ours.eos) == (theirs.kind, theirs.bos, theirs.eos)
        and abs(ours.size - theirs.size) <= _MOST_UNSHARED
        and all(ours.text(token) == theirs.text(token) for token in range(shared))
    )
    if not alike:
        raise LoadError("unsupported", "its vocabulary is not that of the model")


class DraftModel:
    """Guesses with a cache of its own, which follows the text of one stream at a time.

    Args:
        model: the small model.
        context: its cache, with one sequence.
        most: tokens to guess at once.
        limit: ids of tokens it may guess.

    Attributes:
        sizes: tokens that may be guessed at once.
        seconds: what one guessed token takes; inf until it was measured.
    """

    def __init__(self, model: Model, context: Context, *, most: int, limit: int) -> None:
        self.sizes: Sequence[int] = sorted({max(1, most // 2), most})
        self.seconds = math.inf
        self._vocabulary = model.vocabulary
        self._context = context
        self._limit = limit
        self._batch = Batch(CHUNK, 1)
        self._held: list[int] = []

    def guess(self, tokens: Sequence[int], most: int) -> list[int]:
        """Up to ``most`` tokens that may follow; none while it has to read the text."""
        if len(tokens) + most > self._context.cells:
            return []
        try:
            return self._guess(tokens, most)
        except NativeError as error:
            logger.warning("the draft model failed: %s", error)
            self._forget()
            return []

    def measure(self) -> None:
        """Measure the time of a guess, in idle time."""
        token = max(0, self._vocabulary.bos)
        self._forget()
        try:
            self._read([token] * _DEPTH)
            self.seconds = min(self._step(token) for _ in range(_REPEATS))
        except NativeError as error:
            logger.warning("the draft model failed: %s", error)
        self._forget()

    def _guess(self, tokens: Sequence[int], most: int) -> list[int]:
        unread = self._unread(tokens)
        if min(unread) < 0:
            return []
        self._read(unread[:CHUNK])
        if len(unread) > CHUNK:
            return []
        found = [self._likeliest()]
        while len(found) < most and not self._vocabulary.is_end(found[-1]):
            self._observe(self._step(found[-1]))
            found.append(self._likeliest())
        return found

    def _unread(self, tokens: Sequence[int]) -> Sequence[int]:
        """What of ``tokens`` is not in the cache; the last one never is, for its logits."""
        kept = min(common_prefix(self._held, tokens), len(tokens) - 1)
        self._context.cut(0, kept)
        del self._held[kept:]
        return tokens[kept:]

    def _read(self, tokens: Sequence[int]) -> None:
        self._batch.clear()
        self._row = self._batch.add_chunk(0, tokens, len(self._held), last_output=True)
        result = self._context.decode(self._batch.native)
        if result != 0:
            raise NativeError(f"it cannot be evaluated (code {result})")
        self._context.synchronize()
        self._held += tokens

    def _step(self, token: int) -> float:
        """Read one token; the seconds that took."""
        started = time.perf_counter()
        self._read([token])
        return time.perf_counter() - started

    def _likeliest(self) -> int:
        return int(self._context.logits(self._row)[: self._limit].argmax())

    def _observe(self, seconds: float) -> None:
        """Longer texts cost more."""
        if math.isfinite(self.seconds):
            self.seconds += _LEARNING * (seconds - self.seconds)

    def _forget(self) -> None:
        self._context.drop(0)
        self._held = []
