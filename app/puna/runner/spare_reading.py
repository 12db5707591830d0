"""The vector of a text by a chat model: read in its spare sequence, beside the streams that run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from puna.runner.llama import FloatArray, NativeError
from puna.runner.loading import OpenModel
from puna.runner.slots import SlotTable

_NO_CELLS = 1
_ABORTED = 2


class SpareReading:
    """Reads one text at a time, in pieces, so that streams get their tokens in between.

    Streams come first: where cells are short the text waits, and is read from its beginning again.

    Args:
        opened: the model.
        slots: lend their spare sequence, and give up idle conversations for cells.
        room: tokens to read at once at most, when so many were read before.
    """

    def __init__(self, opened: OpenModel, slots: SlotTable, room: Callable[[int], int]) -> None:
        self._opened = opened
        self._context = opened.context
        self._slots = slots
        self._room = room
        self._tokens: Sequence[int] = ()
        self._done = 0
        self._sum = np.zeros(opened.model.output_length, np.float32)

    def begin(self, tokens: Sequence[int]) -> None:
        """Take a text of at least one token."""
        self._tokens = tokens
        self._start_over()

    @property
    def must_wait(self) -> bool:
        """Streams took the cells of the text, and still run."""
        return not self._slots.spare_is_lent and bool(self._slots.running)

    def step(self) -> FloatArray | None:
        """Read on; the mean over all tokens when that was the last piece.

        Raises:
            NativeError: llama.cpp refused the batch.
        """
        if not self._slots.spare_is_lent:
            self._start_over()
        size = min(len(self._tokens) - self._done, max(1, self._room(self._done)))
        if not self._read(self._tokens[self._done : self._done + size]):
            return None
        self._sum += self._context.vectors(size, self._sum.size).sum(axis=0)
        self._done += size
        if self._done < len(self._tokens):
            return None
        return np.asarray(self._sum / len(self._tokens), np.float32)

    def end(self) -> None:
        """Give the sequence back, with the text read or not."""
        self._slots.take_spare_back()

    def _start_over(self) -> None:
        self._slots.spare_is_lent = True
        self._done = 0
        self._sum = np.zeros_like(self._sum)

    def _read(self, piece: Sequence[int]) -> bool:
        """Decode; False when it has to be tried again."""
        result = self._decode(piece)
        while result == _NO_CELLS and self._slots.evict():
            result = self._decode(piece)
        if result == 0:
            return True
        if result == _ABORTED:
            # For a stream that was cancelled.
            self._context.clear_abort()
            if self._undo():
                return False
        elif result != _NO_CELLS or not self._slots.running:
            raise NativeError(f"the model cannot be evaluated (code {result})")
        self._slots.take_spare_back()
        return False

    def _undo(self) -> bool:
        """Forget what is in the cache of a piece; False when the text has to be read again."""
        if self._opened.model.keeps_state:
            return False
        return self._context.cut(self._opened.spare, self._done)

    def _decode(self, piece: Sequence[int]) -> int:
        batch, context, sequence = self._opened.batch, self._context, self._opened.spare
        batch.clear()
        batch.add_chunk(sequence, piece, self._done, last_output=True, all_outputs=True)
        context.set_embeddings(True)
        try:
            result = context.decode(batch.native)
            if result == 0:
                context.synchronize()
        finally:
            context.set_embeddings(False)
        return result
