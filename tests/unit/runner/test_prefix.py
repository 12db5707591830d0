from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from puna.runner.prefix import common_prefix

tokens = st.lists(st.integers(0, 2), max_size=80)


@given(tokens, tokens, tokens)
def test_the_common_prefix_is_the_number_of_equal_tokens(
    shared: list[int], a: list[int], b: list[int]
) -> None:
    left, right = shared * 5 + a, shared * 5 + b
    expected = 0
    for x, y in zip(left, right, strict=False):
        if x != y:
            break
        expected += 1
    assert common_prefix(left, right) == expected
