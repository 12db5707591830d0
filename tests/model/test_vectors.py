"""Embeddings, tokens and rendered prompts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gguf
import numpy as np
import pytest

from puna.runner.protocol import (
    Abort,
    Detokenize,
    Embed,
    Embedded,
    Failed,
    Generate,
    Ranked,
    Raw,
    Rerank,
    Text,
    Tokenize,
    Tokens,
)

from .conftest import RunnerChild

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def embedder(minilm: Path) -> Iterator[RunnerChild]:
    child = RunnerChild()
    loaded = child.load(minilm, embedding=True)
    assert loaded.pooling == "mean"
    yield child
    child.close()


def vectors(report: Embedded) -> np.ndarray:  # type: ignore[type-arg]
    return np.frombuffer(report.vectors, "<f4").reshape(len(report.counts), report.width)


def embed(child: RunnerChild, request: Embed) -> Embedded:
    child.send(request)
    report = child.wait(lambda r: isinstance(r, Embedded | Failed) and r.id == request.id)
    assert isinstance(report, Embedded), report
    return report


def test_near_meanings_have_near_vectors(embedder: RunnerChild) -> None:
    texts = ("A cat sits on the mat.", "A feline rests on a rug.", "Quarterly tax report")
    rows = vectors(embed(embedder, Embed(1, texts)))
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.2
    assert np.allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_a_text_has_the_same_vector_in_any_company(embedder: RunnerChild) -> None:
    texts = tuple(f"text number {i} about {'very ' * i} long things" for i in range(40))
    together = vectors(embed(embedder, Embed(2, texts)))
    alone = vectors(embed(embedder, Embed(3, (texts[17],))))
    assert together[17] @ alone[0] > 0.9999


def test_calls_that_wait_together_are_all_answered(embedder: RunnerChild) -> None:
    ids = range(100, 120)
    embedder.send(*(Embed(i, (f"call {i}", "same")) for i in ids))
    seen: dict[int, Embedded] = {}
    while len(seen) < len(ids):
        report = embedder.wait_for(Embedded)
        seen[report.id] = report
    same = np.stack([vectors(seen[i])[1] for i in ids])
    assert (same @ same[0] > 0.9999).all()


def test_counts_include_the_special_tokens(embedder: RunnerChild) -> None:
    assert embed(embedder, Embed(4, ("hello",))).counts == (3,)


def test_a_long_text_is_cut_to_the_window(embedder: RunnerChild) -> None:
    report = embed(embedder, Embed(5, ("word " * 2000, "x"), context_length=64))
    assert report.counts == (64, 3)


def test_a_long_text_that_may_not_be_cut_is_refused(embedder: RunnerChild) -> None:
    embedder.send(Embed(6, ("word " * 2000,), truncate=False))
    report = embedder.wait_for(Failed)
    assert report.kind == "context"
    assert report.text == "the input length exceeds the context length"


def test_no_text_gives_no_vector(embedder: RunnerChild) -> None:
    assert embed(embedder, Embed(7, ())).counts == ()


def test_an_embedding_model_does_not_generate(embedder: RunnerChild) -> None:
    embedder.send(Generate(8, Raw("x")))
    assert embedder.wait_for(Failed).kind == "capability"


def test_a_model_without_ranking_does_not_rank(embedder: RunnerChild) -> None:
    embedder.send(Rerank(9, "q", ("d",)))
    assert embedder.wait_for(Failed).kind == "capability"


@pytest.fixture(scope="module")
def ranker(minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunnerChild]:
    """The embedding model with a ranking head of random weights."""
    path = tmp_path_factory.mktemp("rank") / "rank.gguf"
    source, target = gguf.GGUFReader(minilm), gguf.GGUFWriter(path, "bert")
    for field in source.fields.values():
        if not field.name.startswith(("GGUF.", "general.architecture")):
            value = 4 if field.name == "bert.pooling_type" else field.contents()
            kinds = field.types
            target.add_key_value(field.name, value, kinds[0], kinds[-1] if kinds[1:] else None)
    for tensor in source.tensors:
        target.add_tensor(tensor.name, tensor.data, raw_dtype=tensor.tensor_type)
    weights = np.random.default_rng(0).standard_normal((1, 384)).astype(np.float32)
    target.add_tensor("cls.output.weight", weights)
    target.add_tensor("cls.output.bias", np.zeros(1, np.float32))
    target.write_header_to_file()
    target.write_kv_data_to_file()
    target.write_tensors_to_file()
    target.close()
    child = RunnerChild()
    assert child.load(path, embedding=True).pooling == "rank"
    yield child
    child.close()


def test_a_document_has_the_same_score_in_any_company(ranker: RunnerChild) -> None:
    ranker.send(Rerank(1, "what is a cat?", ("a cat is an animal", "tax law", "dogs bark")))
    together = ranker.wait_for(Ranked)
    ranker.send(Rerank(2, "what is a cat?", ("tax law",)))
    alone = ranker.wait_for(Ranked)
    assert together.scores[1] == pytest.approx(alone.scores[0], rel=1e-3)
    assert len(set(together.scores)) == 3


def test_a_chat_model_gives_mean_vectors_beside_its_streams(smol_runner: RunnerChild) -> None:
    smol_runner.send(Generate(2000, Raw("Tell me a story.")))
    rows = vectors(embed(smol_runner, Embed(2001, ("cat", "a cat"), normalize=False)))
    assert rows.shape == (2, 576)
    assert np.isfinite(rows).all()
    assert np.abs(rows).max() > 0
    smol_runner.send(Abort(2000))


def test_tokens_and_text_are_inverse(smol_runner: RunnerChild) -> None:
    text = "Hello <|im_start|> wörld 😀"
    smol_runner.send(Tokenize(2100, Raw(text)))
    tokens = smol_runner.wait_for(Tokens).tokens
    smol_runner.send(Detokenize(2101, tokens))
    assert smol_runner.wait_for(Text).text == text


def test_a_token_out_of_range_has_no_text(smol_runner: RunnerChild) -> None:
    smol_runner.send(Detokenize(2102, (-1,)))
    assert smol_runner.wait_for(Failed).kind == "invalid"
