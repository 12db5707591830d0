"""Tokens of a model as GGUF keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import IntEnum

from puna.errors import InvalidInput
from puna.gguf.types import ValueType
from puna.gguf.writer import Addition, NewArray

SPACE = "\u2581"
"""Stands for a space in the pieces of SentencePiece."""

_MAX_TOKENS = 2_000_000
_ADDED_SCORE = -1000.0
_LOOKS_SPECIAL = ("<pad>", "<mask>", "<2mass>", "[@BOS@]")
_SPECIAL_ENDS = (("<|", "|>"), ("<\uff5c", "\uff5c>"), ("<unused", ">"))


class TokenType(IntEnum):
    """What a token is. Source: llama.h, ``llama_token_type``."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True)
class Token:
    """One entry of a vocabulary."""

    text: str
    type: TokenType = TokenType.NORMAL
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """A vocabulary and how text is cut into it.

    Attributes:
        model: tokenizer of llama.cpp: ``gpt2``, ``llama`` or ``bert``.
        tokens: by id.
        pre: name of the pre-tokenizer.
        merges: of byte pairs in the order of their rank; ``None`` = it has none.
        scored: whether the scores of the tokens mean something.
        extra: further keys.
    """

    model: str
    tokens: Mapping[int, Token]
    pre: str = "default"
    merges: Sequence[str] | None = None
    scored: bool = False
    extra: Mapping[str, Addition] = field(default_factory=dict)

    def with_added(self, added: Mapping[int, Token]) -> Vocabulary:
        """Tokens put in the place of others; an unknown token stays one."""
        tokens = dict(self.tokens)
        for number, token in added.items():
            old = tokens.get(number)
            unknown = old is not None and old.type is TokenType.UNKNOWN
            tokens[number] = replace(token, type=TokenType.UNKNOWN) if unknown else token
        return replace(self, tokens=tokens)

    def with_keys(self, extra: Mapping[str, Addition]) -> Vocabulary:
        """The same with further keys, which win."""
        return replace(self, extra={**self.extra, **extra})

    def keys(self, size: int) -> dict[str, Addition]:
        """Metadata for a model with embeddings of ``size`` tokens.

        Embeddings without a token get an unused one, tokens without an
        embedding are left out.

        Raises:
            InvalidInput: the number of tokens is impossible.
        """
        if not 0 < size <= _MAX_TOKENS:
            raise InvalidInput(f"a vocabulary of {size} tokens cannot be")
        listed = [self.tokens.get(number) or _unused(number) for number in range(size)]
        found: dict[str, Addition] = {
            "tokenizer.ggml.model": self.model,
            "tokenizer.ggml.pre": self.pre,
            "tokenizer.ggml.tokens": NewArray(ValueType.STRING, [token.text for token in listed]),
            "tokenizer.ggml.token_type": NewArray(
                ValueType.INT32, [int(token.type) for token in listed]
            ),
        }
        if self.scored:
            scores = [token.score for token in listed]
            found["tokenizer.ggml.scores"] = NewArray(ValueType.FLOAT32, scores)
        if self.merges is not None:
            found["tokenizer.ggml.merges"] = NewArray(ValueType.STRING, self.merges)
        return found | dict(self.extra)


def added(text: str, *, special: bool) -> Token:
    """A token that is looked for in the text before it is cut.

    Some models do not mark as special what they use so.

    Source: llama.cpp, conversion/base.py, ``does_token_look_special``.
    """
    ends = any(text.startswith(start) and text.endswith(end) for start, end in _SPECIAL_ENDS)
    if special or ends or text in _LOOKS_SPECIAL:
        return Token(text, TokenType.CONTROL, _ADDED_SCORE)
    return Token(text.replace(SPACE, " "), TokenType.USER_DEFINED, _ADDED_SCORE)


def _unused(number: int) -> Token:
    return Token(f"[PAD{number}]", TokenType.UNUSED, _ADDED_SCORE)
