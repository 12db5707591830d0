"""A native grammar for one answer, from its first token or from a text on."""

from __future__ import annotations

import ctypes
from typing import Any

from puna.errors import InvalidInput
from puna.runner.candidates import Candidates
from puna.runner.llama import Vocabulary, api

_ROOT = b"root"


class Gate:
    """Says which tokens may come next. Close it when the answer ends.

    The native grammar aborts the process when it is given a token that does not
    fit, so ``accept`` takes only tokens that ``allows`` or ``filter`` let through.

    Attributes:
        active: the grammar has begun.
    """

    def __init__(
        self,
        vocabulary: Vocabulary,
        grammar: str,
        triggers: tuple[str, ...] = (),
        *,
        unless: str = "",
    ) -> None:
        """Check and compile.

        Args:
            vocabulary: of the model that answers.
            grammar: GBNF that ``gbnf.check`` has passed, with a rule ``root``.
            triggers: the grammar begins after the first of these texts; empty =
                with the first token.
            unless: with triggers, an answer that does not begin with this text
                follows the grammar from its first token; empty = it need not.

        Raises:
            InvalidInput: llama.cpp refuses the grammar.
        """
        self._vocabulary = vocabulary
        self._triggers = [trigger.encode() for trigger in triggers if trigger]
        self._opening = unless.encode()
        self._seen = b""
        self._keep = max((len(trigger) for trigger in self._triggers), default=0) + 64
        self._native = api.llama_sampler_init_grammar(vocabulary.handle, grammar.encode(), _ROOT)
        if not self._native:
            raise InvalidInput("the grammar cannot be compiled")
        self.active = not self._triggers

    def lets_pass(self, token: int) -> bool:
        """Whether the token may stand that was chosen as if there were no grammar.

        The answer may turn out here to have no part that is free: the grammar
        then begins, and the token must be chosen anew if it does not fit.
        """
        if not self.active and self._opening:
            text = (self._seen + self._vocabulary.piece(token)).lstrip()
            if text.startswith(self._opening):
                self._opening = b""
            else:
                self.active = not self._opening.startswith(text)
        return not self.active or self.allows(token)

    def allows(self, token: int) -> bool:
        """Whether the grammar lets a token come next."""
        entry = api.llama_token_data(token, 1.0, 0.0)
        array = api.llama_token_data_array(ctypes.pointer(entry), 1, -1, False)
        api.llama_sampler_apply(self._native, ctypes.byref(array))
        return bool(entry.logit == 1.0)

    def filter(self, candidates: Candidates) -> None:
        """Set the logits of all tokens that may not come next to -inf."""
        api.llama_sampler_apply(self._native, candidates.reference)

    def accept(self, token: int) -> None:
        """Go on after a token of the answer."""
        if self.active:
            api.llama_sampler_accept(self._native, token)
            return
        self._seen = (self._seen + self._vocabulary.piece(token))[-self._keep - 512 :]
        for trigger in self._triggers:
            at = self._seen.rfind(trigger)
            if at >= 0:
                self._begin(self._seen[at + len(trigger) :])
                return

    def close(self) -> None:
        """Free the native grammar."""
        if self._native is not None:
            api.llama_sampler_free(self._native)
            self._native = None

    def _begin(self, rest: bytes) -> None:
        """Start; ``rest`` came in the same token as the end of the trigger."""
        self.active = True
        text = rest.decode("utf-8", "ignore")
        for token in self._vocabulary.tokenize(text, add_special=False, parse_special=False):
            piece: Any = self._vocabulary.piece(token)
            # White space after a tag is not worth a failure: the grammar begins after it.
            if self.allows(token):
                api.llama_sampler_accept(self._native, token)
            elif piece.strip():
                return
