"""Whose turn it is when requests wait for a slot."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence


def next_in_line(waiting: Sequence[str], running: Iterable[str]) -> int:
    """The index of the request to admit, by the clients of all requests.

    The client that is served least comes first, so that a page that asks for
    much cannot keep all others waiting; among equals the oldest request does.
    """
    served = Counter(running)
    return min(range(len(waiting)), key=lambda index: served[waiting[index]])
