"""The choice of tokens: the shortcuts give exactly what llama.cpp's samplers give."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from puna.runner.candidates import Candidates
from puna.runner.llama import Vocabulary, api
from puna.runner.protocol import Sampling
from puna.runner.sampling import Sampler, token_logprob

from .conftest import RunnerChild

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def vocabulary(smollm2: Path) -> Iterator[Vocabulary]:
    parameters = api.llama_model_default_params()
    parameters.vocab_only = True
    handle = api.llama_model_load_from_file(str(smollm2).encode(), parameters)
    yield Vocabulary(api.llama_model_get_vocab(handle))
    api.llama_model_free(handle)


@pytest.fixture(scope="module")
def shared(vocabulary: Vocabulary) -> Candidates:
    return Candidates(vocabulary.size)


def rows(vocabulary: Vocabulary, count: int) -> Iterator[np.ndarray]:  # type: ignore[type-arg]
    dice = np.random.default_rng(5)
    for _ in range(count):
        yield (dice.standard_normal(vocabulary.size) * 3).astype(np.float32)


def native(vocabulary: Vocabulary, sampling: Sampling, shared: Candidates) -> Sampler:
    """The same chain over the whole vocabulary."""
    sampler = Sampler(vocabulary, sampling, shared, window=4096)
    sampler._prefilter = None
    return sampler


@pytest.mark.parametrize(
    "sampling",
    [
        Sampling(seed=1),
        Sampling(seed=1, top_k=5, top_p=0.5, temperature=1.5),
        Sampling(seed=1, min_p=0.1, typical_p=0.8),
        Sampling(seed=1, repeat_penalty=1.3, presence_penalty=0.5, frequency_penalty=0.1),
        Sampling(temperature=0.0, repeat_penalty=1.5),
    ],
    ids=["default", "hot", "min_p", "penalties", "greedy with penalty"],
)
def test_the_prefilter_changes_no_choice(
    vocabulary: Vocabulary, shared: Candidates, sampling: Sampling
) -> None:
    fast = Sampler(vocabulary, sampling, shared, window=4096)
    slow = native(vocabulary, sampling, shared)
    assert fast._prefilter is not None
    chosen = [(fast.choose(row), slow.choose(row)) for row in rows(vocabulary, 60)]
    fast.close()
    slow.close()
    assert [a for a, _ in chosen] == [b for _, b in chosen]


def test_temperature_zero_takes_the_best(vocabulary: Vocabulary, shared: Candidates) -> None:
    sampler = Sampler(vocabulary, Sampling(temperature=0.0), shared)
    for row in rows(vocabulary, 5):
        assert sampler.choose(row) == int(row.argmax())
    sampler.close()


def test_a_penalty_makes_a_repeated_token_less_likely(
    vocabulary: Vocabulary, shared: Candidates
) -> None:
    row = np.zeros(vocabulary.size, np.float32)
    row[500], row[600] = 2.0, 1.9
    sampling = Sampling(temperature=0.0, repeat_penalty=2.0)
    sampler = Sampler(vocabulary, sampling, shared, prompt=[500])
    assert sampler.choose(row) == 600
    sampler.close()


@pytest.mark.parametrize("seed", [0, -2, 2**63 - 1, 0xFFFFFFFF])
def test_every_seed_but_minus_one_is_repeatable(
    vocabulary: Vocabulary, shared: Candidates, seed: int
) -> None:
    def text() -> list[int | None]:
        sampler = Sampler(vocabulary, Sampling(seed=seed, temperature=2.0), shared)
        found = [sampler.choose(row) for row in rows(vocabulary, 12)]
        sampler.close()
        return found

    assert text() == text()


def test_log_probabilities_are_those_of_the_raw_logits(vocabulary: Vocabulary) -> None:
    row = next(rows(vocabulary, 1))
    exact = row.astype(np.float64)
    expected = exact - np.log(np.exp(exact).sum())
    entry = token_logprob(vocabulary, row, 7, 20)
    assert entry.logprob == pytest.approx(expected[7], abs=1e-4)
    best = np.sort(expected)[::-1][:20]
    assert [value for _, value in entry.top] == pytest.approx(list(best), abs=1e-4)


def test_an_empty_prompt_is_answered(smol_runner: RunnerChild) -> None:
    answer = smol_runner.raw(1, "", num_predict=2)
    assert answer.failed is None
    assert answer.usage.prompt_tokens == 1
