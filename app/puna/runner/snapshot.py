"""What is kept of a sequence beside its cells, so that it can be put back later."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from puna.runner.llama import ByteArray, FloatArray


@dataclass(frozen=True, slots=True)
class PromptEnd:
    """Where a prompt ended: who sends it again gets his first token without a batch.

    Attributes:
        length: tokens of the prompt.
        logits: after the last of them, ``(n_vocab,)``.
    """

    length: int
    logits: FloatArray


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """An earlier point of a sequence to which it can be cut.

    Recurrent layers hold one state, that of the last token, and a sliding window only the tokens
    that the last one looks at. So of these layers a copy is needed; all others can be cut anywhere.

    Attributes:
        position: tokens before it.
        state: of the layers that cannot be cut.
    """

    position: int
    state: ByteArray


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole state of a sequence.

    Attributes:
        checkpoints: earlier points, the first one first.
        end: of the prompt that was read last.
    """

    state: ByteArray
    checkpoints: tuple[Checkpoint, ...] = ()
    end: PromptEnd | None = None

    @property
    def size(self) -> int:
        """Bytes."""
        logits = self.end.logits.nbytes if self.end is not None else 0
        return self.state.nbytes + sum(c.state.nbytes for c in self.checkpoints) + logits


def furthest(positions: Iterable[int], length: int) -> int:
    """The last of ``positions`` within the first ``length`` tokens, 0 = there is none."""
    return max((position for position in positions if position <= length), default=0)
