"""What a slot knows of the end of a prompt, and how a sequence that keeps a state is cut."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from puna.runner.parked import ParkedConversations
from puna.runner.protocol import Sampling
from puna.runner.requests import Generation, Prompt
from puna.runner.slot import Slot
from puna.runner.slots import SlotTable
from puna.runner.snapshot import PromptEnd

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


def asking(tokens: list[int]) -> Generation:
    nothing = cast(Any, None)
    return Generation(
        request=cast(Any, SimpleNamespace(sampling=Sampling(seed=1))),
        prompt=Prompt(tokens),
        adapters=cast(Any, SimpleNamespace(variant="")),
        sampler=nothing,
        text=nothing,
        preserved=frozenset(),
        limit=1,
        undivided=False,
        kept=0,
        window=4096,
        tokens=tokens,
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


class States:
    """A cache of recurrent layers: of each sequence, the number of tokens its state has seen."""

    cells = 4096

    def __init__(self) -> None:
        self.seen: dict[int, int] = {}
        self.takes_states = True

    def share(self, source: int, target: int, start: int, end: int) -> None:
        self.seen[target] = self.seen.get(source, 0)

    def drop(self, sequence: int) -> None:
        self.seen[sequence] = 0

    def cut(self, sequence: int, start: int, end: int = -1) -> bool:
        return self.seen.get(sequence, 0) == start

    def last_position(self, sequence: int) -> int:
        return self.seen.get(sequence, 0) - 1

    def read_state(self, sequence: int, *, partial: bool = False) -> Any:
        return np.array([self.seen[sequence]], np.int64).view(np.uint8)

    def write_state(self, sequence: int, state: Any, *, partial: bool = False) -> bool:
        if self.takes_states:
            self.seen[sequence] = int(state.view(np.int64)[0])
        return self.takes_states


class Recurrent:
    """Slots of a model that keeps states, and how they are read."""

    def __init__(self) -> None:
        self.states = States()
        model = SimpleNamespace(keeps_state=True, window=0)
        parked = ParkedConversations(1 << 20, None, whole=True)
        self.table = SlotTable(cast(Any, model), cast(Any, self.states), 3, parked)

    def place(self, tokens: list[int]) -> Slot:
        slot = self.table.place(asking(tokens))
        assert slot is not None
        self.check()
        return slot

    def read(self, slot: Slot, end: int | None = None) -> None:
        """Read a prompt, up to ``end`` or as a whole."""
        assert slot.generation is not None
        tokens = slot.generation.tokens
        end = len(tokens) if end is None else end
        for stop in sorted({*slot.generation.checkpoints, end}):
            if len(slot.tokens) < stop <= end:
                slot.tokens = tokens[:stop]
                self.states.seen[slot.sequence] = stop
                if stop in slot.generation.checkpoints:
                    self.table.checkpoint(slot)
        self.check()

    def check(self) -> None:
        """What a slot says to hold is what its state has seen."""
        for slot in self.table.slots:
            assert self.states.seen.get(slot.sequence, 0) == len(slot.tokens)


@pytest.fixture
def recurrent() -> Recurrent:
    return Recurrent()


def test_a_state_goes_back_to_a_checkpoint_before_the_difference(recurrent: Recurrent) -> None:
    slot = recurrent.place([*range(300), 1000])
    recurrent.read(slot)
    recurrent.table.release(slot)
    again = recurrent.place([*range(300), 2000, 2001])
    assert again is slot
    assert len(again.tokens) == 301 - 16


def test_a_conversation_that_is_put_away_keeps_its_checkpoints(recurrent: Recurrent) -> None:
    slot = recurrent.place([*range(300), 1000])
    recurrent.read(slot)
    recurrent.table.release(slot)
    recurrent.table.park(slot)
    assert slot.checkpoints == ()
    assert len(recurrent.place([*range(300), 2000]).tokens) == 301 - 16


def test_of_prompts_that_begin_alike_all_but_two_begin_where_they_differ(
    recurrent: Recurrent,
) -> None:
    prompts = [[*range(300), *range(n * 1000, n * 1000 + 200)] for n in (1, 2, 3)]
    first = recurrent.place(prompts[0])
    recurrent.read(first)
    second = recurrent.place(prompts[1])
    assert second.tokens == []
    recurrent.read(second)
    assert len(recurrent.place(prompts[2]).tokens) == 300


def test_who_waits_for_the_same_beginning_takes_it_over(recurrent: Recurrent) -> None:
    prompts = [[*range(300), *range(n * 1000, n * 1000 + 200)] for n in (1, 2)]
    first = recurrent.place(prompts[0])
    recurrent.read(first, 100)
    second = recurrent.place(prompts[1])
    assert not recurrent.table.bind_late(second, [first])
    recurrent.read(first)
    assert recurrent.table.bind_late(second, [])
    assert len(second.tokens) == 300
    assert second.generation is not None
    assert second.generation.cached == 300
    recurrent.check()


def test_a_state_that_cannot_be_put_back_is_not_tried_again(recurrent: Recurrent) -> None:
    prompts = [[*range(300), *range(n * 1000, n * 1000 + 200)] for n in (1, 2)]
    first = recurrent.place(prompts[0])
    second = recurrent.place(prompts[1])
    recurrent.read(first)
    recurrent.states.takes_states = False
    assert recurrent.table.bind_late(second, [])
    assert second.tokens == []
    recurrent.read(second, 100)
    assert recurrent.table.bind_late(second, [])
    assert len(second.tokens) == 100


def test_a_batch_that_was_stopped_is_undone(recurrent: Recurrent) -> None:
    slot = recurrent.place(list(range(300)))
    recurrent.read(slot)
    recurrent.states.seen[slot.sequence] = 301
    recurrent.table.undo(slot)
    assert len(slot.tokens) == 284
    recurrent.check()
    recurrent.table.undo(recurrent.place([5, 6, 7]))
    recurrent.check()
