"""Texts that are far too long."""

from __future__ import annotations

import pytest

from puna.runner.excerpts import excerpt


def words(text: str) -> int:
    return len(text.split())


@pytest.mark.parametrize("count", [1, 40, 100_000])
def test_what_is_over_the_limit_stays_over_it_and_nothing_else(count: int) -> None:
    text = " ".join(f"word{number}" for number in range(count))
    found = excerpt(text, 100, words)
    assert (words(found) > 100) == (count > 100)
    assert found.split()[:100] == text.split()[:100]
    assert found.split()[-100:] == text.split()[-100:]
    assert len(found) <= 2 * 100 * 16


def test_a_text_of_long_tokens_is_read_further() -> None:
    text = ("x" * 50 + " ") * 5000
    found = excerpt(text, 10, words)
    assert 20 < words(found) < 5000


def test_a_long_text_of_few_tokens_is_kept() -> None:
    text = "one" + " " * 100_000 + "two"
    assert excerpt(text, 3, words) == text


def test_the_whole_is_never_counted_when_its_ends_suffice() -> None:
    seen: list[int] = []

    def count(text: str) -> int:
        seen.append(len(text))
        return words(text)

    excerpt("a " * 1_000_000, 50, count)
    assert max(seen) < 1000
