from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from puna.runner.adapters import AdapterSet
from puna.runner.slot import Slot
from puna.runner.turns import TURN_S, Turns

A, B, C = (AdapterSet(name, (), ()) for name in "abc")


class World:
    """Turns with a clock of their own; one step takes ``STEP`` seconds."""

    STEP = TURN_S * 0.26

    def __init__(self) -> None:
        self.now = 100.0
        self.in_force: list[AdapterSet] = []
        self.turns = Turns(self.in_force.append, lambda: self.now)

    def steps(self, count: int, *running: AdapterSet) -> str:
        """The variants that were in the batches of some steps."""
        slots = [stream(index, adapters) for index, adapters in enumerate(running)]
        names = ""
        for _ in range(count):
            chosen = self.turns.next(slots)
            (name,) = {slot.generation.variant for slot in chosen if slot.generation}
            assert self.in_force[-1].variant == name
            assert len(chosen) == [one.variant for one in running].count(name)
            names += name
            self.now += self.STEP
        return names


def stream(sequence: int, adapters: AdapterSet) -> Slot:
    generation: Any = SimpleNamespace(adapters=adapters, variant=adapters.variant)
    return Slot(sequence, generation=generation)


@pytest.fixture
def world() -> World:
    return World()


def test_streams_of_one_set_are_always_together(world: World) -> None:
    assert world.steps(9, A, A, A) == "a" * 9
    assert not world.turns.others_wait


def test_nothing_runs_when_there_is_nothing(world: World) -> None:
    assert world.turns.next([]) == []
    assert world.turns.next([Slot(0)]) == []


def test_sets_take_turns_of_some_length(world: World) -> None:
    assert world.steps(12, A, B, A) == "aaaabbbbaaaa"
    assert world.turns.others_wait


def test_nobody_is_passed_over(world: World) -> None:
    assert world.steps(24, A, B, C) == "aaaabbbbcccc" * 2


def test_a_newcomer_comes_next_after_a_set_that_had_its_time(world: World) -> None:
    world.steps(10, A)
    assert world.steps(5, A, B) == "bbbba"


def test_a_set_without_streams_loses_its_turn(world: World) -> None:
    world.steps(1, A, B)
    assert world.steps(3, B) == "bbb"
