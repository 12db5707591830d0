"""What the loop knows of one answer that is being made."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from puna.chat.events import FinishReason, TokenLogprob, Usage
from puna.runner.adapters import AdapterSet
from puna.runner.detokenizer import TextStream
from puna.runner.guessing import Guesser
from puna.runner.multimodal import Media
from puna.runner.protocol import Generate
from puna.runner.sampling import Sampler


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt as tokens, ready to be read.

    Attributes:
        tokens: placeholders (negative) stand where media are.
        total: tokens before anything was left out, at least.
        dropped_messages: messages left out so that it fits.
    """

    tokens: list[int]
    media: tuple[Media, ...] = ()
    total: int = 0
    dropped_messages: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Generation:
    """One request while it waits, reads its prompt or writes its answer.

    ``tokens`` is what should be in the cache: the prompt, then the answer. What
    a slot holds is always a prefix of it, so whatever is lost can be read again.

    Attributes:
        limit: tokens the answer may have.
        undivided: the prompt is read as one piece, unless all of it is known.
        kept: tokens at the start that survive when the window slides.
        window: cells it may fill.
        guessers: of its next tokens, once there was a use for them.
        checkpoints: positions at which a batch ends, since a checkpoint is made there.
    """

    request: Generate
    prompt: Prompt
    adapters: AdapterSet
    sampler: Sampler
    text: TextStream
    preserved: frozenset[int]
    limit: int
    undivided: bool
    kept: int
    window: int
    tokens: list[int]
    answer: list[int] = field(default_factory=list)
    cached: int = 0
    shifted: int = 0
    repeats: int = 0
    open_logprobs: list[TokenLogprob] = field(default_factory=list)
    admitted_ns: int = 0
    first_ns: int = 0
    warnings: list[str] = field(default_factory=list)
    guessers: tuple[Guesser, ...] | None = None
    checkpoints: tuple[int, ...] = ()

    @property
    def id(self) -> int:
        """Id of the request."""
        return self.request.id

    @property
    def variant(self) -> str:
        """Name of the adapters that its tokens are read with."""
        return self.adapters.variant

    @property
    def begun(self) -> bool:
        """Whether the answer has a first token."""
        return self.first_ns != 0

    @property
    def is_repeatable(self) -> bool:
        """Whether the same request should have the same answer again."""
        sampling = self.request.sampling
        return sampling.seed != -1 or sampling.temperature <= 0

    def pending(self, position: int) -> int:
        """Tokens that are not in the cache when it holds ``position`` of them."""
        return len(self.tokens) - position

    def media_at(self, position: int) -> Media | None:
        """The media that start at a position."""
        return next((m for m in self.prompt.media if m.start == position), None)

    def piece(self, position: int) -> int:
        """Tokens from ``position`` that one batch may hold: up to media, a checkpoint or the end."""
        ends = [*(m.start for m in self.prompt.media), *self.checkpoints, len(self.tokens)]
        return min(end for end in ends if end > position) - position

    def usage(self, bos: int) -> Usage:
        """What was used so far. ``bos``: left out of the reported context."""
        now = time.monotonic_ns()
        first = self.first_ns or now
        return Usage(
            prompt_tokens=len(self.prompt.tokens),
            cached_tokens=self.cached,
            completion_tokens=len(self.answer),
            prompt_ns=max(1, first - (self.admitted_ns or first)),
            completion_ns=max(1, now - first) if self.begun else 0,
            dropped_messages=self.prompt.dropped_messages,
            prompt_tokens_total=self.prompt.total,
            shifted=self.shifted,
            context=self._context(bos) if self.request.want_context else (),
            warnings=(*self.prompt.warnings, *self.warnings),
        )

    def _context(self, bos: int) -> tuple[int, ...]:
        prompt = self.prompt.tokens
        start = 1 if prompt and prompt[0] == bos else 0
        answer = self.answer[:-1] if self.sampler.ended else self.answer
        return tuple(token for token in (*prompt[start:], *answer) if token >= 0)


@dataclass(frozen=True, slots=True)
class Ending:
    """Why an answer ends."""

    reason: FinishReason
    stop: str = ""
