"""What a slot knows of the end of a prompt."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from puna.runner.parked import ParkedConversations
from puna.runner.slots import Slot, SlotTable
from puna.runner.state import PromptEnd

SHARED = list(range(100))


class Cells:
    """A cache that can do everything and remembers nothing."""

    cells = 4096

    def share(self, source: int, target: int, start: int, end: int) -> None: ...

    def drop(self, sequence: int) -> None: ...

    def cut(self, sequence: int, start: int, end: int = -1) -> bool:
        return True

    def last_position(self, sequence: int) -> int:
        return -1


def asking(tokens: list[int]) -> Any:
    return SimpleNamespace(
        tokens=tokens,
        answer=[],
        limit=1,
        variant="",
        undivided=False,
        begun=False,
        cached=0,
        is_repeatable=True,
        prompt=SimpleNamespace(media=()),
    )


def end_of(tokens: list[int]) -> PromptEnd:
    return PromptEnd(len(tokens), np.zeros(4, np.float32))


@pytest.fixture
def table() -> SlotTable:
    model = SimpleNamespace(keeps_state=False, window=0)
    return SlotTable(cast(Any, model), cast(Any, Cells()), 3, ParkedConversations(0, None))


def placed(table: SlotTable, tokens: list[int]) -> Slot:
    slot = table.place(asking(tokens))
    assert slot is not None
    return slot


def test_a_beginning_that_is_taken_over_has_not_the_end_of_its_donor(table: SlotTable) -> None:
    donor_prompt, prompt = SHARED + [1] * 50, SHARED + [2] * 100
    donor, slot = placed(table, donor_prompt), placed(table, prompt)
    donor.tokens, donor.end = donor_prompt, end_of(donor_prompt)
    assert table.bind_late(slot, [])
    assert slot.tokens == SHARED
    # Its client leaves when as much is read as the donor had.
    slot.tokens = prompt[:160]
    table.release(slot)
    again = placed(table, prompt[: len(donor_prompt)])
    assert len(again.tokens) == len(donor_prompt) - 1


def test_the_whole_of_a_prompt_is_taken_over_with_its_end(table: SlotTable) -> None:
    donor, slot = placed(table, SHARED), placed(table, SHARED)
    donor.tokens, donor.end = list(SHARED), end_of(SHARED)
    assert table.bind_late(slot, [])
    assert slot.tokens == SHARED
    assert slot.end is donor.end
    assert placed(table, SHARED).end is donor.end


def test_a_cut_before_the_end_forgets_it(table: SlotTable) -> None:
    slot = placed(table, SHARED)
    slot.tokens, slot.end = list(SHARED), end_of(SHARED)
    assert table.cut(slot, 100)
    assert slot.end is not None
    assert table.cut(slot, 99)
    assert slot.end is None
