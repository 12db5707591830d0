"""Texts and tokens, by llama.cpp's own tokenisers."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import gguf
import pytest

from puna.runner.llama import Vocabulary
from puna.runner.loading import open_vocabulary
from puna.runner.log import NativeLog
from puna.runner.protocol import (
    Abort,
    Detokenize,
    Embed,
    Embedded,
    Failed,
    LoadOptions,
    Raw,
    Text,
    Tokenize,
    Tokens,
)

from .conftest import RunnerChild

WORDS = ("▁", "▁▁", "▁the", "th", "he", "▁t", "er", "in", "▁a", "an", "é", "\n", "\n\n")
UNKNOWN = "สวัสดีชาวโลก"
MIXED = "the answer is in\n\n\n  there 好 🐎é " + UNKNOWN + " <0x41> "


@pytest.fixture(scope="module")
def words_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SentencePiece vocabulary of few words; most characters are bytes to it."""
    path = tmp_path_factory.mktemp("words") / "words.gguf"
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    tokens += [*WORDS, *"abcdefghijklmnopqrstuvwxyz"]
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_tokenizer_model("llama")
    writer.add_token_list(tokens)
    writer.add_token_scores([-float(place) for place in range(len(tokens))])
    writer.add_token_types([2, 3, 3] + [6] * 256 + [1] * (len(tokens) - 259))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def opened(path: Path) -> Vocabulary:
    return open_vocabulary(LoadOptions((str(path),), vocabulary_only=True), NativeLog())


def whole(vocabulary: Vocabulary, text: str) -> list[int]:
    """What llama.cpp makes of a text in one go."""
    return vocabulary._read(text.encode(), add_special=True, parse_special=False)


@pytest.mark.parametrize("text", ["the", " the", "\n\nan", "好", ""])
def test_a_text_that_goes_on_gets_no_space_before_it(words_model: Path, text: str) -> None:
    vocabulary = opened(words_model)
    assert vocabulary._prefixed
    tokens = vocabulary.tokenize_within(text)
    assert b"".join(map(vocabulary.piece, tokens)) == text.encode()


@pytest.mark.parametrize("text", [MIXED * 200, UNKNOWN * 750, " " * 10_000, "a b " * 2500])
def test_a_long_text_has_the_tokens_of_the_whole(
    words_model: Path, gemma3: Path, text: str
) -> None:
    for path in (words_model, gemma3):
        vocabulary = opened(path)
        found = vocabulary.tokenize(text, add_special=True, parse_special=False)
        assert found == whole(vocabulary, text)


def test_unknown_characters_do_not_take_time_by_their_square(words_model: Path) -> None:
    vocabulary = opened(words_model)
    began = time.monotonic()
    assert (
        len(vocabulary.tokenize("好" * 200_000, add_special=False, parse_special=False)) > 500_000
    )
    assert time.monotonic() - began < 20


def test_a_vocabulary_answers_without_weights(
    start_runner: Callable[[], RunnerChild], smollm2: Path
) -> None:
    child = start_runner()
    loaded = child.load(smollm2, vocabulary_only=True)
    assert loaded.vocab_size == 49152
    assert loaded.memory == 0
    child.send(Tokenize(1, Raw("Hello there")), Abort(7))
    tokens = child.wait_for(Tokens).tokens
    child.send(Detokenize(2, tokens), Detokenize(3, (99999,)))
    assert child.wait_for(Text).text == "Hello there"
    assert child.wait_for(Failed).kind == "invalid"
    assert child.close() == 0


def test_what_cannot_fit_is_refused_or_cut_at_its_ends(
    start_runner: Callable[[], RunnerChild], smollm2: Path
) -> None:
    child = start_runner()
    child.load(smollm2, context_length=256, parallel=1)
    text = "These are a few words of a very long text. " * 300_000
    refused = child.raw(1, text, truncate=False)
    assert refused.failed is not None
    assert refused.failed.kind == "context"
    cut = child.raw(2, text, num_predict=1, want_context=True).usage
    near = child.raw(3, text[:2193], num_predict=1, want_context=True).usage
    assert cut.prompt_tokens == near.prompt_tokens < 256 < cut.prompt_tokens_total
    assert cut.context[:100] == near.context[:100]


def test_a_vector_of_a_text_that_is_far_too_long(
    start_runner: Callable[[], RunnerChild], minilm: Path
) -> None:
    child = start_runner()
    child.load(minilm, embedding=True)
    child.send(Embed(1, ("word " * 2_000_000,)))
    long = child.wait_for(Embedded)
    child.send(Embed(2, ("word " * 600,)))
    assert child.wait_for(Embedded).vectors == long.vectors
    child.send(Embed(3, ("word " * 2_000_000,), truncate=False))
    assert child.wait_for(Failed).kind == "context"
