"""What texts have in common."""

from __future__ import annotations


def common_start(a: str, b: str) -> str:
    """The longest text both begin with; of a sorted list, all between them too."""
    size = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
    return a[: min(len(a), len(b)) if size is None else size]
