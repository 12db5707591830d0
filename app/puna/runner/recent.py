"""Arrays that may be needed again, up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from puna.runner.llama import FloatArray


class Recent:
    """What was made last, by name; the one used longest ago goes first.

    Args:
        limit: bytes of all together.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._arrays: OrderedDict[bytes, FloatArray] = OrderedDict()

    def get(self, name: bytes, make: Callable[[], FloatArray]) -> FloatArray:
        """The array of this name; the result of ``make`` when there is none."""
        found = self._arrays.pop(name, None)
        array = found if found is not None else make()
        self._arrays[name] = array
        while len(self._arrays) > 1 and self._size > self._limit:
            self._arrays.popitem(last=False)
        return array

    @property
    def _size(self) -> int:
        return sum(array.nbytes for array in self._arrays.values())
