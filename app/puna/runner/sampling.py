"""From logits to a token: one native sampler chain per request."""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from puna.chat.events import TokenLogprob
from puna.runner.candidates import Candidates
from puna.runner.gate import Gate
from puna.runner.llama import FloatArray, Vocabulary, api, log_softmax_offset
from puna.runner.protocol import Sampling

_RANDOM_SEED = 0xFFFFFFFF
"""llama.cpp takes this seed for "choose one". Source: llama.h, LLAMA_DEFAULT_SEED."""

_MOST_CANDIDATES = 8192
_LARGEST_TOP_K = 512


class Sampler:
    """Chooses the tokens of one answer. Close it when the answer ends.

    Attributes:
        ended: the last token chosen ends the answer.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        sampling: Sampling,
        shared: Candidates,
        *,
        prompt: Sequence[int] = (),
        window: int = 0,
        gate: Gate | None = None,
    ) -> None:
        self.ended = False
        self._vocabulary = vocabulary
        self._shared = shared
        self._gate = gate
        self._greedy = sampling.temperature <= 0
        self._penalty = _penalty_window(sampling, window)
        self._chain = _build_chain(vocabulary, sampling, self._penalty)
        self._prefilter = _Prefilter.fitting(sampling, self._penalty)
        if self._penalty:
            for token in prompt[-self._penalty :]:
                if token >= 0:
                    api.llama_sampler_accept(self._chain, token)

    def choose(self, logits: FloatArray) -> int | None:
        """The next token, or ``None`` when the grammar allows none."""
        chosen = self._free_choice(logits)
        gate = self._gate
        passes = gate is None or gate.lets_pass(chosen)
        token = chosen if passes else self._allowed_choice(logits)
        if token is None:
            return None
        self.ended = self._vocabulary.is_end(token)
        if self._penalty:
            api.llama_sampler_accept(self._chain, token)
        if gate is not None and not self.ended:
            gate.accept(token)
        return token

    def close(self) -> None:
        """Free the chain and the grammar."""
        if self._chain is not None:
            api.llama_sampler_free(self._chain)
            self._chain = None
        if self._gate is not None:
            self._gate.close()

    def _free_choice(self, logits: FloatArray) -> int:
        if self._greedy and not self._penalty:
            return int(logits.argmax())
        ids = None
        if self._prefilter is not None:
            ids = self._prefilter.ids(self._shared, logits)
        self._shared.fill(logits, ids)
        api.llama_sampler_apply(self._chain, self._shared.reference)
        return self._shared.selected

    def _allowed_choice(self, logits: FloatArray) -> int | None:
        """Choose among what the grammar allows; needs a look at the whole vocabulary."""
        assert self._gate is not None
        self._shared.fill(logits)
        self._gate.filter(self._shared)
        if self._shared.keep_possible() == 0:
            return None
        api.llama_sampler_apply(self._chain, self._shared.reference)
        return self._shared.selected


class _Prefilter:
    """Finds the few candidates that can survive top-k, without sorting the vocabulary.

    Exactly the native result: all tokens within a distance of the best logit,
    the distance adapted so that there are a few times ``top_k``. With penalties
    there must be ``top_k`` candidates beside those a penalty can lower.
    """

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._distance = 6.0

    @classmethod
    def fitting(cls, sampling: Sampling, penalty: int) -> _Prefilter | None:
        """A prefilter for these options, ``None`` when they need every token."""
        top_k = 1 if sampling.temperature <= 0 else sampling.top_k
        raises = (
            sampling.repeat_penalty < 1
            or sampling.presence_penalty < 0
            or sampling.frequency_penalty < 0
        )
        wanted = top_k + penalty
        if top_k <= 0 or wanted > _LARGEST_TOP_K or (penalty and raises):
            return None
        return cls(wanted)

    def ids(self, shared: Candidates, logits: FloatArray) -> npt.NDArray[np.int64] | None:
        """Candidate tokens, ``None`` when they are too many to be worth it."""
        top = float(logits.max())
        distance = self._distance
        found = shared.above(logits, top - distance)
        while found.size < min(self._wanted, logits.size):
            distance *= 1.5
            if not distance < 1e4:
                return None
            found = shared.above(logits, top - distance)
        if found.size > 4 * self._wanted:
            self._distance = distance * 0.9
        elif found.size < 2 * self._wanted:
            self._distance = distance * 1.05
        return found if found.size <= _MOST_CANDIDATES else None


def token_logprob(
    vocabulary: Vocabulary, logits: FloatArray, token: int, count: int
) -> TokenLogprob:
    """Log probability of ``token`` before any sampler, and of the ``count`` best tokens."""
    offset = log_softmax_offset(logits)
    piece = vocabulary.piece(token)
    return TokenLogprob(
        token=piece.decode("utf-8", "replace"),
        logprob=float(logits[token]) - offset,
        bytes=tuple(piece),
        top=tuple(_best(vocabulary, logits, offset, count)),
    )


def joined_logprob(parts: Sequence[TokenLogprob]) -> TokenLogprob:
    """One entry for a character that was made of several tokens."""
    data = bytes(byte for part in parts for byte in part.bytes)
    return TokenLogprob(
        token=data.decode("utf-8", "replace"),
        logprob=sum(part.logprob for part in parts),
        bytes=tuple(data),
        top=parts[0].top,
    )


def _best(
    vocabulary: Vocabulary, logits: FloatArray, offset: float, count: int
) -> list[tuple[str, float]]:
    count = min(count, logits.size)
    if count <= 0:
        return []
    ids = np.argpartition(logits, -count)[-count:]
    ids = ids[np.argsort(-logits[ids], kind="stable")]
    return [
        (vocabulary.piece(int(i)).decode("utf-8", "replace"), float(logits[i]) - offset)
        for i in ids
    ]


# ---------------------------------------------------------------- chain


def _penalty_window(sampling: Sampling, context: int) -> int:
    """How many last tokens the penalties look at; 0 = there are none."""
    neutral = (
        sampling.repeat_penalty == 1.0
        and sampling.presence_penalty == 0.0
        and sampling.frequency_penalty == 0.0
    )
    if neutral:
        return 0
    return sampling.repeat_last_n if sampling.repeat_last_n >= 0 else context


def _build_chain(vocabulary: Vocabulary, sampling: Sampling, penalty: int) -> Any:
    """The order: penalties → top_k → typical_p → top_p → min_p → temperature → draw."""
    chain = api.llama_sampler_chain_init(api.llama_sampler_chain_default_params())

    def add(sampler: Any) -> None:
        api.llama_sampler_chain_add(chain, sampler)

    if penalty:
        add(_penalties(vocabulary, sampling, penalty))
    if sampling.temperature <= 0:
        add(api.llama_sampler_init_greedy())
        return chain
    if sampling.top_k > 0:
        add(api.llama_sampler_init_top_k(sampling.top_k))
    if sampling.typical_p < 1:
        add(api.llama_sampler_init_typical(sampling.typical_p, 1))
    if sampling.top_p < 1:
        add(api.llama_sampler_init_top_p(sampling.top_p, 1))
    if sampling.min_p > 0:
        add(api.llama_sampler_init_min_p(sampling.min_p, 1))
    add(api.llama_sampler_init_temp(sampling.temperature))
    add(api.llama_sampler_init_dist(_seed(sampling.seed)))
    return chain


def _penalties(vocabulary: Vocabulary, sampling: Sampling, window: int) -> Any:
    # A penalty of 0 would divide by zero.
    repeat = max(sampling.repeat_penalty, 1e-6)
    frequency, presence = sampling.frequency_penalty, sampling.presence_penalty
    if not (math.isfinite(frequency) and math.isfinite(presence)):
        frequency, presence = 0.0, 0.0
    return api.llama_sampler_init_penalties(vocabulary.size, window, repeat, frequency, presence)


def _seed(seed: int) -> int:
    if seed == -1:
        return secrets.randbelow(_RANDOM_SEED)
    seed &= 0xFFFFFFFF
    return seed if seed != _RANDOM_SEED else seed - 1
