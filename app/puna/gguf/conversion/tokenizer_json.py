"""Reads the ``tokenizer.json`` of the tokenizers library.

Source: https://huggingface.co/docs/tokenizers; llama.cpp, conversion/base.py
and gguf-py/gguf/vocab.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from puna.errors import InvalidInput
from puna.gguf.conversion import pretokenizers
from puna.gguf.conversion.vocabulary import SPACE, Token, TokenType, Vocabulary, added
from puna.gguf.writer import Addition

_SPACE_IN_MERGE = "\u0120"
_MAX_ID = 4_000_000
_BROKEN = "tokenizer.json has no usable vocabulary"


def read(tokenizer: Mapping[str, Any]) -> Vocabulary:
    """The vocabulary of a tokenizer.

    Raises:
        InvalidInput: it is damaged, or cuts text in a way that is not known.
    """
    model = tokenizer.get("model")
    if not isinstance(model, dict):
        raise InvalidInput(_BROKEN)
    kind = model.get("type") or ("BPE" if "merges" in model else "")
    if kind == "WordPiece":
        return word_pieces(_vocab(model), added_tokens(tokenizer)).with_keys(
            _normalizer_keys(tokenizer.get("normalizer"))
        )
    if kind != "BPE":
        raise InvalidInput(f"a tokenizer of the kind {str(kind)[:40]!r} cannot be converted")
    if any(part.get("type") == "ByteLevel" for part in _parts(tokenizer.get("pre_tokenizer"))):
        return _byte_pairs(tokenizer, model)
    if model.get("byte_fallback"):
        return _pieces(tokenizer, model)
    if any(SPACE in str(part.get("content", "")) for part in _parts(tokenizer.get("normalizer"))):
        raise InvalidInput("a tokenizer of pieces without single bytes cannot be converted")
    return _byte_pairs(tokenizer, model)


def added_tokens(tokenizer: Mapping[str, Any]) -> dict[int, Token]:
    """The tokens that are looked for before text is cut.

    Raises:
        InvalidInput: one is damaged.
    """
    found: dict[int, Token] = {}
    for item in _list(tokenizer.get("added_tokens")):
        entry = item if isinstance(item, dict) else {}
        number, text = entry.get("id"), entry.get("content")
        if not isinstance(number, int) or not _is_id(number) or not isinstance(text, str):
            raise InvalidInput(_BROKEN)
        found[number] = added(text, special=bool(entry.get("special")))
    return found


def _byte_pairs(tokenizer: Mapping[str, Any], model: Mapping[str, Any]) -> Vocabulary:
    pre = pretokenizers.name_of(
        tokenizer.get("pre_tokenizer"), ignore_merges=bool(model.get("ignore_merges"))
    )
    tokens = {number: Token(text) for text, number in _vocab(model).items()}
    merges = [" ".join(_coded(part) for part in pair) for pair in _merges(model)]
    return Vocabulary("gpt2", tokens, pre, merges).with_added(added_tokens(tokenizer))


def _coded(part: str) -> str:
    return part.replace(" ", _SPACE_IN_MERGE)


def _pieces(tokenizer: Mapping[str, Any], model: Mapping[str, Any]) -> Vocabulary:
    """SentencePiece told as byte pairs: the earlier a merge, the higher its score."""
    ranks: dict[str, int] = {}
    for rank, (left, right) in enumerate(_merges(model)):
        ranks.setdefault(left + right, rank)
    last = len(ranks)
    unknown = model.get("unk_token")
    tokens = {
        number: Token(text, _piece_type(text, unknown), float(-ranks.get(text, last)))
        for text, number in _vocab(model).items()
    }
    extra = {"tokenizer.ggml.add_space_prefix": _adds_space(tokenizer)}
    vocabulary = Vocabulary("llama", tokens, scored=True, extra=extra)
    return vocabulary.with_added(added_tokens(tokenizer))


def _piece_type(text: str, unknown: object) -> TokenType:
    if text == unknown:
        return TokenType.UNKNOWN
    if len(text) == 6 and text.startswith("<0x") and text.endswith(">"):
        return TokenType.BYTE
    return TokenType.NORMAL


def _adds_space(tokenizer: Mapping[str, Any]) -> bool:
    """Whether a space is put before the text."""
    for part in _parts(tokenizer.get("normalizer")):
        if part.get("type") == "Prepend" and part.get("prepend") == SPACE:
            return True
    for part in _parts(tokenizer.get("pre_tokenizer")):
        if part.get("type") == "Metaspace":
            scheme = part.get("prepend_scheme", "always")
            return scheme != "never" and part.get("add_prefix_space", True) is not False
    return False


def _parts(part: object) -> list[Mapping[str, Any]]:
    """A normalizer or pre-tokenizer, or those of a sequence of them."""
    if not isinstance(part, dict):
        return []
    inner = [*_list(part.get("normalizers")), *_list(part.get("pretokenizers"))]
    return [item for item in (part, *inner) if isinstance(item, dict)]


def word_pieces(vocab: Mapping[str, int], special: Mapping[int, Token]) -> Vocabulary:
    """The vocabulary of BERT: llama.cpp marks the beginning of words, not the rest."""
    tokens = {number: Token(_phantom(text)) for text, number in vocab.items()}
    control = {number: token for number, token in special.items() if number in tokens}
    return Vocabulary("bert", tokens).with_added(control)


def _phantom(text: str) -> str:
    return text[2:] if text.startswith("##") else SPACE + text


def _normalizer_keys(normalizer: object) -> dict[str, Addition]:
    """Whether BERT looks at case and accents."""
    found: dict[str, Addition] = {}
    for part in _parts(normalizer):
        lower, accents = part.get("lowercase"), part.get("strip_accents")
        if part.get("type") == "Lowercase" or lower is True:
            found["tokenizer.ggml.normalizer.lowercase"] = True
        elif lower is False:
            found["tokenizer.ggml.normalizer.lowercase"] = False
        if part.get("type") == "StripAccents" or isinstance(accents, bool):
            found["tokenizer.ggml.normalizer.strip_accents"] = accents is not False
    return found


def _vocab(model: Mapping[str, Any]) -> dict[str, int]:
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or not vocab:
        raise InvalidInput(_BROKEN)
    if not all(_is_id(number) for number in vocab.values()):
        raise InvalidInput(_BROKEN)
    if len(set(vocab.values())) != len(vocab):
        raise InvalidInput("tokenizer.json gives two tokens the same number")
    return vocab


def _merges(model: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs; older files have them as one text with a space between."""
    found = []
    for merge in _list(model.get("merges")):
        pair = merge.split(" ") if isinstance(merge, str) else merge
        if not isinstance(pair, list) or len(pair) != 2 or not all(_is_part(p) for p in pair):
            raise InvalidInput("tokenizer.json has a merge that is none")
        found.append((pair[0], pair[1]))
    return found


def _is_part(part: object) -> bool:
    return isinstance(part, str) and part != ""


def _is_id(number: object) -> bool:
    return type(number) is int and 0 <= number < _MAX_ID


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []
