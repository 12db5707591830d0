r"""Which pre-tokenizer of llama.cpp cuts text as a ``tokenizer.json`` says.

llama.cpp has the patterns built in and knows them by names. A pattern that is
not among them would cut text at other places than the model has learned, so
that it seems to work and writes nonsense; such models are refused.

Source: llama.cpp, src/llama-vocab.cpp (patterns as in the original
``tokenizer.json``, in its comments); Ollama, convert/tokenizer.go (checksums).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from puna.errors import InvalidInput

_DIGITS_APART = "digits"
_GPT2 = "gpt2"
_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_SPACES = r"\s+(?!\S)|\s+"
_WORDS = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*",
)
_MARKS = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|" + _SPACES
_LLAMA3 = _CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + _MARKS
_SLASHED = r" ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|" + _SPACES

_PATTERNS: Mapping[tuple[str, ...], str] = {
    (): "default",
    (_GPT2,): "gpt-2",
    (_DIGITS_APART, _GPT2): "smollm",
    (_LLAMA3,): "dbrx",
    (_CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|" + _MARKS,): "qwen2",
    (
        _CONTRACTIONS
        + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|"
        + _SPACES,
    ): "qwen35",
    (f"{_WORDS[0]}|{_WORDS[1]}|" + r"\p{N}|" + _SLASHED,): "tekken",
    (
        f"{_WORDS[0]}{_CONTRACTIONS}?|{_WORDS[1]}{_CONTRACTIONS}?|" + r"\p{N}{1,3}|" + _SLASHED,
    ): "gpt-4o",
    (
        _CONTRACTIONS
        + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|"
        + _SPACES,
    ): "seed-coder",
}
"""Steps → name."""

_CHECKSUMS: Mapping[str, str] = {
    "03df5c5863ad70781dcfdef491ead25140f895fe8010964be0daefe27be32b02": "deepseek-llm",
    "21cde974d587f0d54dc8d56b183cc1e6239600172035c68fbd6d4b9f8da0576e": "deepseek-coder",
}
"""SHA-256 of all patterns, one after the other → name."""

_UNKNOWN = (
    "the pre-tokenizer in tokenizer.json is not known here: make a GGUF file with llama.cpp's "
    "convert_hf_to_gguf.py and create the model from that file"
)


def name_of(pre_tokenizer: object, *, ignore_merges: bool) -> str:
    """Name in llama.cpp.

    Args:
        pre_tokenizer: that part of a ``tokenizer.json``.
        ignore_merges: whether a word that is a token is not cut further, which
            is part of the name in llama.cpp.

    Raises:
        InvalidInput: llama.cpp has none, or it is not known here.
    """
    steps = tuple(_steps(pre_tokenizer, depth=0))
    if steps == (_LLAMA3,) and ignore_merges:
        return "llama-bpe"
    name = _PATTERNS.get(steps)
    if name is not None:
        return name
    patterns = "".join(step for step in steps if step not in (_DIGITS_APART, _GPT2))
    name = _CHECKSUMS.get(hashlib.sha256(patterns.encode("utf-8", "replace")).hexdigest())
    if name is None:
        raise InvalidInput(_UNKNOWN)
    return name


def _steps(part: object, depth: int) -> Iterator[str]:
    """The patterns in order; what does not cut text is left out."""
    if part is None:
        return
    if not isinstance(part, dict) or depth > 4:
        raise InvalidInput(_UNKNOWN)
    match part.get("type"):
        case "Sequence" if isinstance(part.get("pretokenizers"), list):
            for inner in part["pretokenizers"]:
                yield from _steps(inner, depth + 1)
        case "ByteLevel":
            if part.get("use_regex", True):
                yield _GPT2
        case "Digits" if part.get("individual_digits"):
            yield _DIGITS_APART
        case "Split":
            yield _pattern(part)
        case _:
            raise InvalidInput(_UNKNOWN)


def _pattern(split: Mapping[str, Any]) -> str:
    """The pattern of a split that makes each match a word of its own."""
    pattern = split.get("pattern")
    text = pattern.get("Regex") if isinstance(pattern, dict) else None
    how = (split.get("behavior"), bool(split.get("invert")))
    if not isinstance(text, str) or how not in (("Isolated", False), ("Removed", True)):
        raise InvalidInput(_UNKNOWN)
    if text == r"\p{N}":
        return _DIGITS_APART
    return text
