"""From a request and its prompt to a generation the loop can run."""

from __future__ import annotations

from puna.runner.candidates import Candidates
from puna.runner.chunks import last_chunk_start
from puna.runner.detokenizer import TextStream
from puna.runner.gate import Gate
from puna.runner.loading import OpenModel
from puna.runner.prompts import Prompts
from puna.runner.protocol import Generate
from puna.runner.requests import Generation, Prompt
from puna.runner.sampling import Sampler

_LONGEST_ANSWER = 10
"""Most tokens of an answer, in windows. Source: contract 4.2, ``num_predict``."""


class Generations:
    """Starts generations for one model."""

    def __init__(self, opened: OpenModel, prompts: Prompts) -> None:
        self._opened = opened
        self._prompts = prompts
        self._vocabulary = opened.model.vocabulary
        self._shared = Candidates(self._vocabulary.size)
        control = zip(opened.report.control_tokens, self._vocabulary.control_tokens(), strict=True)
        self._control = dict(control)

    def start(self, request: Generate, prompt: Prompt) -> Generation:
        """Make everything an answer needs.

        Raises:
            InvalidInput: the grammar cannot be used.
        """
        sampling = request.sampling
        gate, warnings = self._gate(request)
        sampler = Sampler(
            self._vocabulary,
            sampling,
            self._shared,
            prompt=prompt.tokens,
            window=self._opened.window,
            gate=gate,
        )
        return Generation(
            request=request,
            prompt=prompt,
            sampler=sampler,
            text=TextStream(sampling.stop),
            preserved=self._preserved(request),
            limit=self._limit(sampling.num_predict),
            reuse_limit=self._reuse_limit(sampling.seed, len(prompt.tokens)),
            kept=self._prompts.kept(request, prompt),
            tokens=list(prompt.tokens),
            warnings=warnings,
        )

    def _gate(self, request: Generate) -> tuple[Gate | None, list[str]]:
        return None, []

    def _preserved(self, request: Generate) -> frozenset[int]:
        known = (self._control.get(text) for text in request.preserved)
        return frozenset(token for token in known if token is not None)

    def _limit(self, wanted: int) -> int:
        most = _LONGEST_ANSWER * self._opened.context_length
        return min(wanted, most) if wanted > 0 else most

    def _reuse_limit(self, seed: int, length: int) -> int:
        """With a seed the last piece is always read anew.

        Logits depend a little on how a prompt was cut into batches; a repeated
        request gives the same text only when it is cut the same way.
        """
        if seed == -1:
            return length
        opened = self._opened
        return last_chunk_start(length, opened.ubatch, fast_rows=opened.fast_rows)
