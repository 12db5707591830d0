"""A native grammar for one answer, from its first token or from a text on."""

from __future__ import annotations

import ctypes
from typing import Any

from puna.errors import InvalidInput
from puna.runner import gbnf
from puna.runner.candidates import Candidates
from puna.runner.grammar import CONCLUDED
from puna.runner.llama import Vocabulary, api
from puna.runner.protocol import Constraint

_BLANKS = b" \t\r\n"
_KEPT = 512
"""Bytes of the answer, besides the longest text that is waited for, to look for it in."""


class Gate:
    """Says which tokens may come next. Close it when the answer ends.

    An answer goes through up to three parts: reasoning, text that may hold a
    trigger, and what the grammar describes.

    The native grammar aborts the process when it is given a token that does not
    fit, so ``accept`` takes only tokens that ``allows`` or ``filter`` let through.

    Attributes:
        active: the grammar has begun.
    """

    def __init__(self, vocabulary: Vocabulary, grammar: str, constraint: Constraint) -> None:
        """Check and compile.

        Args:
            vocabulary: of the model that answers.
            grammar: of the constraint, as ``grammar_of`` writes it.
            constraint: says where the grammar begins.

        Raises:
            InvalidInput: llama.cpp refuses the grammar.
        """
        self._vocabulary = vocabulary
        self._closings = [closing.encode() for closing in constraint.after]
        self._opening = constraint.unless.encode() if constraint.after else b""
        self._triggers = [trigger.encode() for trigger in constraint.triggers if trigger]
        self._at_start = constraint.at_start
        self._is_lazy = bool(self._triggers)
        self._seen = b""
        self._keep = _KEPT + max(map(len, [b"", *self._closings, *self._triggers]))
        self._grammar = grammar.encode()
        self._native = self._compiled(gbnf.ROOT)
        self.active = not self._closings and not self._is_lazy

    def lets_pass(self, token: int) -> bool:
        """Whether the token may stand that was chosen as if there were no grammar.

        The answer may turn out here to have no reasoning, or no end of it: a
        grammar without triggers then begins, and the token must be chosen anew if
        it does not fit.
        """
        if self._opening:
            text = (self._seen + self._vocabulary.piece(token)).lstrip()
            if text.startswith(self._opening):
                self._opening = b""
            elif not self._opening.startswith(text):
                self._opening, self._closings = b"", []
                self.active = not self._is_lazy
        elif self._closings and not self._is_lazy and self._vocabulary.is_end(token):
            self._conclude()
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
        self._seen = (self._seen + self._vocabulary.piece(token))[-self._keep :]
        if self._closings:
            rests = [self._seen.partition(text)[1:] for text in self._closings]
            rest = max((rest for found, rest in rests if found), key=len, default=None)
            if rest is None:
                return
            self._closings, self._seen = [], rest
            if not self._is_lazy:
                self._begin(rest)
                return
        self._look_for_triggers()

    def close(self) -> None:
        """Free the native grammar."""
        if self._native is not None:
            api.llama_sampler_free(self._native)
            self._native = None

    def _compiled(self, root: str) -> Any:
        native = api.llama_sampler_init_grammar(
            self._vocabulary.handle, self._grammar, root.encode()
        )
        if not native:
            raise InvalidInput("the grammar cannot be compiled")
        return native

    def _conclude(self) -> None:
        """Have the reasoning ended, and then what has to follow it."""
        native = self._compiled(CONCLUDED)
        self.close()
        self._native = native
        self._closings, self.active = [], True

    def _look_for_triggers(self) -> None:
        for trigger in list(self._triggers):
            try:
                rest = (after_start if self._at_start else _after)(self._seen, trigger)
            except ValueError:
                self._triggers.remove(trigger)
                continue
            if rest is not None:
                self._begin(rest)
                return

    def _begin(self, rest: bytes) -> None:
        """Start; ``rest`` came in the same token as the end of the trigger.

        If it does not fit, a call is left free: it would only be made worse.
        """
        self.active = True
        text = rest.decode("utf-8", "ignore")
        for token in self._vocabulary.tokenize_within(text):
            piece: Any = self._vocabulary.piece(token)
            # White space after a tag is not worth a failure: the grammar begins after it.
            if self.allows(token):
                api.llama_sampler_accept(self._native, token)
            elif piece.strip():
                self.active, self._triggers = not self._is_lazy, []
                return


def _after(text: bytes, trigger: bytes) -> bytes | None:
    """What follows the last place of ``trigger``; ``None`` = it is not there."""
    _, found, rest = text.rpartition(trigger)
    return rest if found else None


def after_start(text: bytes, start: bytes) -> bytes | None:
    """What follows ``start``, the beginning of some JSON; ``None`` while more of it may come.

    Blanks outside strings do not matter.

    Raises:
        ValueError: the text has another beginning.
    """
    at, in_string = 0, False
    for wanted in start:
        if not in_string:
            if wanted in _BLANKS:
                continue
            while at < len(text) and text[at] in _BLANKS:
                at += 1
        if at == len(text):
            return None
        if text[at] != wanted:
            raise ValueError("another beginning")
        at += 1
        in_string ^= wanted == ord('"')
    return text[at:]
