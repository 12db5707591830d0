"""From a request and its prompt to a generation the loop can run."""

from __future__ import annotations

from dataclasses import dataclass

from puna.runner.candidates import Candidates
from puna.runner.chunks import FAST_ROWS
from puna.runner.detokenizer import TextStream
from puna.runner.gate import Gate
from puna.runner.grammar import GrammarText, grammar_of
from puna.runner.loading import OpenModel
from puna.runner.prompts import Prompts
from puna.runner.protocol import Generate, Sampling
from puna.runner.requests import Generation, Prompt
from puna.runner.sampling import Sampler

_LONGEST_ANSWER = 10
"""Most tokens of an answer, in windows. Source: contract 4.2, ``num_predict``."""


@dataclass(frozen=True, slots=True)
class Material:
    """A prompt, and the grammar if the answer has to follow one."""

    prompt: Prompt
    grammar: GrammarText | None


class Generations:
    """Starts generations for one model."""

    def __init__(self, opened: OpenModel, prompts: Prompts) -> None:
        self._opened = opened
        self._prompts = prompts
        self._vocabulary = opened.model.vocabulary
        self._shared = Candidates(self._vocabulary.size)
        self._control = {text: token for token, text in self._vocabulary.control.items()}

    def prepare(self, request: Generate) -> Material:
        """What takes time: the prompt and the text of the grammar. Not for the main thread.

        Raises:
            InvalidInput: the request cannot be served.
        """
        prompt = self._prompts.prepare(request)
        constraint = request.constraint
        return Material(prompt, grammar_of(constraint) if constraint is not None else None)

    def start(self, request: Generate, material: Material) -> Generation:
        """Make everything an answer needs.

        Raises:
            LoadError: an adapter cannot be used.
            InvalidInput: the grammar cannot be used.
        """
        adapters = self._opened.adapters.load(request.adapters)
        sampling, prompt = request.sampling, material.prompt
        window = self._prompts.window(request.context_length)
        gate, warnings = self._gate(request, material.grammar)
        sampler = Sampler(
            self._vocabulary,
            sampling,
            self._shared,
            prompt=prompt.tokens,
            window=window.cells,
            gate=gate,
        )
        return Generation(
            request=request,
            prompt=prompt,
            adapters=adapters,
            sampler=sampler,
            text=TextStream(sampling.stop),
            preserved=self._preserved(request),
            limit=_answer_limit(sampling.num_predict, window.context_length),
            undivided=_is_undivided(sampling, len(prompt.tokens)),
            kept=self._prompts.kept(request, prompt.tokens),
            window=window.cells,
            tokens=list(prompt.tokens),
            warnings=warnings,
        )

    def _gate(
        self, request: Generate, grammar: GrammarText | None
    ) -> tuple[Gate | None, list[str]]:
        constraint = request.constraint
        if constraint is None or grammar is None:
            return None, []
        return Gate(self._vocabulary, grammar.text, constraint), list(grammar.warnings)

    def _preserved(self, request: Generate) -> frozenset[int]:
        known = (self._control.get(text) for text in request.preserved)
        return frozenset(token for token in known if token is not None)


def _is_undivided(sampling: Sampling, length: int) -> bool:
    """Whether a prompt is always cut the same way, so that a seed repeats a text.

    Logits depend a little on how a prompt was cut into batches. Reading a short one
    anew costs nothing; a longer one repeats as long as its end is remembered.
    """
    return sampling.seed != -1 and sampling.temperature > 0 and length <= FAST_ROWS


def _answer_limit(wanted: int, context_length: int) -> int:
    most = _LONGEST_ANSWER * context_length
    return min(wanted, most) if wanted > 0 else most
