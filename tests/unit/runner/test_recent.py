"""Arrays that may be needed again."""

from __future__ import annotations

import numpy as np

from puna.runner.llama import FloatArray
from puna.runner.recent import Recent


def test_an_array_is_made_again_when_others_took_its_place() -> None:
    recent, made = Recent(1000), []

    def get(name: bytes, count: int = 100) -> None:
        def make() -> FloatArray:
            made.append(name)
            return np.zeros(count, np.float32)

        assert recent.get(name, make).size == count

    for name in (b"a", b"b", b"a", b"c"):
        get(name)
    assert made == [b"a", b"b", b"c"]
    get(b"a")
    get(b"b")
    assert made == [b"a", b"b", b"c", b"b"]
    # One that is larger than all the room is kept as long as it is the last.
    get(b"large", 5000)
    get(b"large", 5000)
    assert made == [b"a", b"b", b"c", b"b", b"large"]
