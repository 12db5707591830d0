"""Where in a prompt checkpoints are made, and which are kept. Pure rules.

Of recurrent layers, as Mamba or gated linear attention, nothing can be cut off: without a checkpoint
a prompt that does not continue all that a slot holds would be read from its start. So it is when
an answer is made anew, when its reasoning is left out of the history, and when a second
conversation has the same system prompt.
"""

from __future__ import annotations

from collections.abc import Iterable

from puna.runner.snapshot import Checkpoint

_BEFORE_END = 16
"""Tokens from the last checkpoint to the end of a prompt. The end invites to answer, often to
reason, and in the history the same turn begins otherwise: ``<think>`` is no longer there."""

_SPACING = 64
"""A checkpoint costs a batch of its own; fewer tokens are read again in that time."""

_MOST = 4
"""Of one conversation; each takes as much memory as the recurrent layers of a slot."""


def shared_point(length: int, start: int, shared: int) -> tuple[int, ...]:
    """Where the reading of a prompt stops since another conversation begins with the same tokens.

    Args:
        length: tokens of the prompt.
        start: those that need not be read.
        shared: those that both begin with.

    Returns:
        One position, or none.
    """
    is_worth_it = start + _SPACING <= shared <= length - _BEFORE_END - _SPACING
    return (shared,) if is_worth_it else ()


def planned(length: int, start: int, shared: int) -> tuple[int, ...]:
    """All positions where it stops; as :func:`shared_point`."""
    points = shared_point(length, start, shared)
    last = length - _BEFORE_END
    return (*points, last) if last >= max((start, *points)) + _SPACING else points


def kept(checkpoints: Iterable[Checkpoint], share: int) -> tuple[Checkpoint, ...]:
    """Those worth their memory: the latest, and the first, which others may share.

    Args:
        checkpoints: all of one conversation.
        share: bytes that they may take; one is kept in any case.
    """
    by_position = {checkpoint.position: checkpoint for checkpoint in checkpoints}
    ordered = [by_position[position] for position in sorted(by_position)]
    size = max((checkpoint.state.nbytes for checkpoint in ordered), default=0)
    most = max(1, min(_MOST, share // max(1, size)))
    if len(ordered) <= most:
        return tuple(ordered)
    return (ordered[0], *ordered[1 - most :]) if most > 1 else (ordered[-1],)
