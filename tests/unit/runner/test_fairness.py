from collections.abc import Sequence

import pytest

from puna.runner.fairness import next_in_line


@pytest.mark.parametrize(
    ("waiting", "running", "index"),
    [
        (["a"], [], 0),
        (["a", "a", "b"], [], 0),
        (["a", "a", "b"], ["a"], 2),
        (["a", "b"], ["a", "a", "b"], 1),
        (["a", "b", "c"], ["a", "b"], 2),
        (["b", "a"], ["a", "b"], 0),
    ],
)
def test_the_client_that_is_served_least_comes_first(
    waiting: Sequence[str], running: Sequence[str], index: int
) -> None:
    assert next_in_line(waiting, running) == index
