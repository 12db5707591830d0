"""Pieces of a stream that differ in a few strings only, cut once into what stays the same.

Between two tokens the model's weights drive everything else out of the caches
of the CPU, so that each step on the way of a token costs many times what it
costs in a loop. Most pieces of most streams tell a little text and nothing else.
"""

from __future__ import annotations

from puna.api.gojson import dumps

MARK = "<mark>"
"""Stands for the strings that differ."""

_MARKED = dumps(MARK)


def around_marks(sample: bytes, count: int) -> list[bytes]:
    """What stands around the last ``count`` marks of a piece, which no other string follows.

    The name of a model, or what else a client chose, stands before them and
    may look like a mark.
    """
    return sample.rsplit(_MARKED, count)
