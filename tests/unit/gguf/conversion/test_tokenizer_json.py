from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.errors import InvalidInput
from puna.gguf.conversion import pretokenizers
from puna.gguf.conversion.tokenizer_json import read
from puna.gguf.conversion.vocabulary import TokenType

LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+"
    r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
TEKKEN = GPT4O.replace("(?i:'s|'t|'re|'ve|'m|'ll|'d)?", "").replace("{1,3}", "")
BYTES = {"type": "ByteLevel", "use_regex": False}


def split(pattern: str, **more: Any) -> dict[str, Any]:
    found = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated"}
    return found | {"invert": False} | more


def sequence(*parts: object) -> dict[str, Any]:
    return {"type": "Sequence", "pretokenizers": list(parts)}


@pytest.mark.parametrize(
    ("part", "ignore_merges", "name"),
    [
        (None, False, "default"),
        ({"type": "ByteLevel"}, False, "gpt-2"),
        (
            sequence({"type": "Digits", "individual_digits": True}, {"type": "ByteLevel"}),
            False,
            "smollm",
        ),
        (sequence(split(r"\p{N}"), {"type": "ByteLevel"}), False, "smollm"),
        (sequence(split(LLAMA3), BYTES), True, "llama-bpe"),
        (sequence(split(LLAMA3, behavior="Removed", invert=True), BYTES), False, "dbrx"),
        (sequence(split(LLAMA3.replace("{1,3}", "")), BYTES), False, "qwen2"),
        (sequence(split(TEKKEN), BYTES), False, "tekken"),
        (sequence(split(GPT4O), BYTES), False, "gpt-4o"),
    ],
)
def test_patterns_are_known_by_llama_cpps_names(
    part: object, ignore_merges: bool, name: str
) -> None:
    assert pretokenizers.name_of(part, ignore_merges=ignore_merges) == name


@pytest.mark.parametrize(
    "part",
    [
        [],
        {"type": "Whitespace"},
        split("x+"),
        split(LLAMA3, behavior="Removed"),
        {"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated"},
        {"type": "Digits", "individual_digits": False},
        sequence(sequence(sequence(sequence(sequence(sequence()))))),
        sequence({"type": "ByteLevel"}, {"type": "ByteLevel"}),
    ],
)
def test_a_pattern_that_is_not_known_is_refused(part: object) -> None:
    with pytest.raises(InvalidInput, match="convert_hf_to_gguf"):
        pretokenizers.name_of(part, ignore_merges=False)


def byte_pairs(**model: Any) -> dict[str, Any]:
    given = {"type": "BPE", "vocab": {"h": 0, "e": 1, "he": 2}, "merges": ["h e"]}
    return {"pre_tokenizer": {"type": "ByteLevel"}, "model": given | model}


def test_merges_of_both_forms_are_read() -> None:
    assert read(byte_pairs()).merges == ["h e"]
    pairs = read(byte_pairs(merges=[["h", "e"], ["a b", " "]])).merges
    assert pairs == ["h e", "aĠb Ġ"]


def test_added_tokens_get_the_type_that_they_are_used_as() -> None:
    added = [
        {"id": 3, "content": "<s>", "special": True},
        {"id": 4, "content": "<|end|>", "special": False},
        {"id": 5, "content": "▁▁", "special": False},
    ]
    tokens = read(byte_pairs() | {"added_tokens": added}).tokens
    assert [(tokens[number].text, tokens[number].type) for number in (2, 3, 4, 5)] == [
        ("he", TokenType.NORMAL),
        ("<s>", TokenType.CONTROL),
        ("<|end|>", TokenType.CONTROL),
        ("  ", TokenType.USER_DEFINED),
    ]


@pytest.mark.parametrize(
    ("changes", "adds"),
    [
        (
            {
                "normalizer": {
                    "type": "Sequence",
                    "normalizers": [{"type": "Prepend", "prepend": "▁"}],
                }
            },
            True,
        ),
        ({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "first"}}, True),
        ({"pre_tokenizer": {"type": "Metaspace", "prepend_scheme": "never"}}, False),
        ({"normalizer": {"type": "Replace"}}, False),
    ],
)
def test_pieces_are_scored_by_the_order_of_their_merges(
    changes: dict[str, Any], adds: bool
) -> None:
    vocab = {"<unk>": 0, "<0x0A>": 1, "a": 2, "ab": 3, "abc": 4}
    model = {"type": "BPE", "vocab": vocab, "merges": ["a b", "ab c", "a bc"]}
    model |= {"byte_fallback": True, "unk_token": "<unk>"}
    vocabulary = read({"model": model, **changes})
    tokens = vocabulary.tokens
    assert (vocabulary.model, vocabulary.merges) == ("llama", None)
    assert [tokens[number].type for number in (0, 1, 2)] == [
        TokenType.UNKNOWN,
        TokenType.BYTE,
        TokenType.NORMAL,
    ]
    assert tokens[3].score > tokens[4].score > tokens[2].score
    assert vocabulary.extra == {"tokenizer.ggml.add_space_prefix": adds}


def test_words_are_marked_at_their_beginning() -> None:
    vocab = {"[UNK]": 0, "he": 1, "##llo": 2}
    tokenizer = {
        "added_tokens": [{"id": 0, "content": "[UNK]", "special": True}],
        "normalizer": {"type": "BertNormalizer", "lowercase": False, "strip_accents": None},
        "model": {"type": "WordPiece", "vocab": vocab},
    }
    vocabulary = read(tokenizer)
    assert [token.text for token in vocabulary.tokens.values()] == ["[UNK]", "▁he", "llo"]
    assert vocabulary.extra == {"tokenizer.ggml.normalizer.lowercase": False}


@pytest.mark.parametrize(
    "tokenizer",
    [
        {},
        {"model": {"type": "Unigram", "vocab": [["a", 0.0]]}},
        byte_pairs() | {"pre_tokenizer": None, "normalizer": {"type": "Replace", "content": "▁"}},
        byte_pairs(vocab={}),
        byte_pairs(vocab=["a"]),
        byte_pairs(vocab={"a": -1}),
        byte_pairs(vocab={"a": 10**12}),
        byte_pairs(vocab={"a": True}),
        byte_pairs(vocab={"a": 0, "b": 0}),
        byte_pairs(merges=["a"]),
        byte_pairs(merges=["a b c"]),
        byte_pairs(merges=[["a", 1]]),
        byte_pairs(merges=[["a", ""]]),
        byte_pairs() | {"added_tokens": [{"id": "x", "content": "a"}]},
        byte_pairs() | {"added_tokens": [{"id": 1}]},
        byte_pairs() | {"added_tokens": [5]},
    ],
)
def test_a_tokenizer_that_is_none_is_refused(tokenizer: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        read(tokenizer)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["BPE", "WordPiece", "a b"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "vocab", "merges", "content", "id"]), inner)
    ),
    max_leaves=10,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "model": st.fixed_dictionaries(
                {},
                optional={
                    "type": st.sampled_from(["BPE", "WordPiece"]),
                    "vocab": st.dictionaries(st.text(max_size=3), st.integers(-1, 5)) | _JSON,
                    "merges": _JSON,
                    "byte_fallback": _JSON,
                },
            ),
            "pre_tokenizer": _JSON,
            "normalizer": _JSON,
            "added_tokens": _JSON,
        },
    )
)
def test_any_document_is_read_or_refused(tokenizer: dict[str, Any]) -> None:
    with contextlib.suppress(InvalidInput):
        read(tokenizer)
