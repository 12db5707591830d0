from hypothesis import given
from hypothesis import strategies as st

from puna.registry.progress import Progress


@given(st.integers(0, 1000), st.lists(st.integers(-10, 2000)))
def test_progress_never_goes_back_nor_past_the_total(total: int, moves: list[int]):
    progress, seen = Progress(total), [0]
    for moved in moves:
        progress.reach(moved)
        seen.append(progress.completed)
    assert seen == sorted(seen)
    assert progress.completed <= total


def test_finishing_reaches_the_total():
    progress = Progress(10)
    progress.finish()
    assert progress.completed == 10
