from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from puna.engine.compatibility import Opened
from puna.engine.config import ModelSpec
from puna.engine.plan import Limits, Plan, Resident, State, Waiting, plan
from puna.runner.protocol import LoadOptions

KEYS = "abcdef"


def spec(key: str, *, memory: int = 1, context: int = 2048, auto: bool = False) -> ModelSpec:
    load = LoadOptions(paths=(key,), context_length=context)
    return ModelSpec(key, key, load, memory, auto_context=auto)


def resident(
    number: int,
    key: str,
    *,
    active: int = 0,
    memory: int = 1,
    state: State = State.READY,
    expires_at: float = 0.0,
    context: int = 2048,
) -> Resident:
    opened = Opened(spec(key, memory=memory, context=context), context)
    return Resident(number, opened, state, memory, active, expires_at)


def limits(free: int = 100, loaded: int = 3, overtakes: int = 4) -> Limits:
    return Limits(free, loaded, overtakes)


def test_a_request_for_a_loaded_model_is_assigned() -> None:
    assert plan([Waiting(1, spec("a"))], [resident(7, "a")], limits()).assign == [(1, 7)]


def test_a_request_for_another_model_is_loaded_when_it_fits() -> None:
    assert plan([Waiting(1, spec("a"))], [], limits()) == Plan(load=1)


def test_only_one_model_is_loaded_at_a_time() -> None:
    waiting = [Waiting(1, spec("a")), Waiting(2, spec("b"))]
    assert plan(waiting, [], limits()) == Plan(load=1)


def test_nothing_is_loaded_or_unloaded_while_a_model_loads() -> None:
    residents = [resident(1, "a", state=State.LOADING), resident(2, "b")]
    assert plan([Waiting(1, spec("c"))], residents, limits(free=0)) == Plan()


def test_requests_for_loaded_models_pass_a_load() -> None:
    residents = [resident(1, "a", state=State.LOADING), resident(2, "b")]
    waiting = [Waiting(1, spec("a")), Waiting(2, spec("b"))]
    assert plan(waiting, residents, limits()) == Plan(assign=[(2, 2)])


def test_the_idle_model_with_the_least_time_left_is_unloaded_first() -> None:
    residents = [
        resident(1, "a", expires_at=30, memory=5),
        resident(2, "b", expires_at=10, memory=5),
        resident(3, "c", expires_at=20, memory=5),
    ]
    waiting = [Waiting(1, spec("d", memory=8))]
    assert plan(waiting, residents, limits(free=0, loaded=9)).unload == [2, 3]


def test_a_full_count_of_models_makes_room_though_memory_is_free() -> None:
    waiting = [Waiting(1, spec("b"))]
    assert plan(waiting, [resident(1, "a")], limits(loaded=1)).unload == [1]


def test_a_model_larger_than_free_memory_is_loaded_alone() -> None:
    assert plan([Waiting(1, spec("a", memory=500))], [], limits(free=1)) == Plan(load=1)


def test_busy_models_are_waited_for() -> None:
    residents = [resident(1, "a", active=1, memory=5), resident(2, "b", memory=1)]
    waiting = [Waiting(1, spec("c", memory=6))]
    assert plan(waiting, residents, limits(free=0)) == Plan()


def test_other_options_reload_an_idle_model() -> None:
    waiting = [Waiting(1, spec("a", context=4096))]
    assert plan(waiting, [resident(1, "a", context=2048)], limits()) == Plan(unload=[1])


def test_other_options_wait_for_a_busy_model() -> None:
    waiting = [Waiting(1, spec("a", context=4096))]
    assert plan(waiting, [resident(1, "a", active=1)], limits()) == Plan()


def test_a_waiting_reload_is_overtaken_and_it_is_counted() -> None:
    waiting = [Waiting(1, spec("a", context=4096)), Waiting(2, spec("a"))]
    decided = plan(waiting, [resident(1, "a", active=1)], limits())
    assert decided == Plan(assign=[(2, 1)], overtaken=[1])


def test_a_request_that_was_overtaken_often_enough_is_not_overtaken_again() -> None:
    waiting = [Waiting(1, spec("a", context=4096), overtaken=4), Waiting(2, spec("a"))]
    assert plan(waiting, [resident(1, "a", active=1)], limits()) == Plan()


def test_a_model_that_still_fits_is_loaded_past_one_that_waits() -> None:
    residents = [resident(1, "a", active=1, memory=50)]
    waiting = [Waiting(1, spec("b", memory=40)), Waiting(2, spec("c", memory=5))]
    assert plan(waiting, residents, limits(free=10)) == Plan(load=2, overtaken=[1])


def test_a_model_is_not_unloaded_for_one_that_waits_behind() -> None:
    residents = [resident(1, "a", active=1, memory=50), resident(2, "d", memory=5)]
    waiting = [Waiting(1, spec("b", memory=90)), Waiting(2, spec("c", memory=12))]
    assert plan(waiting, residents, limits(free=10)) == Plan()


def test_a_stopping_model_takes_no_request() -> None:
    residents = [resident(1, "a", state=State.STOPPING, active=1)]
    assert plan([Waiting(1, spec("a"))], residents, limits()) == Plan()


def test_memory_of_a_stopping_model_is_waited_for_before_others_are_unloaded() -> None:
    residents = [resident(1, "a", state=State.STOPPING, memory=50), resident(2, "b", memory=50)]
    assert plan([Waiting(1, spec("c", memory=50))], residents, limits(free=0)) == Plan()


# -- properties ----------------------------------------------------------------


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[Waiting], list[Resident], Limits]:
    keys = draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=4))
    states = st.sampled_from([State.READY, State.READY, State.READY, State.STOPPING])
    residents = [
        resident(
            number,
            key,
            active=draw(st.integers(0, 1)),
            memory=draw(st.integers(1, 9)),
            state=draw(states),
            expires_at=draw(st.floats(0, 9)),
            context=draw(st.sampled_from([1024, 2048])),
        )
        for number, key in enumerate(keys, start=1)
    ]
    if residents and draw(st.booleans()):
        residents[0] = replace(residents[0], state=State.LOADING, active=0)
    waiting = [
        Waiting(
            number,
            spec(
                draw(st.sampled_from(KEYS)),
                memory=draw(st.integers(1, 12)),
                context=draw(st.sampled_from([1024, 2048])),
            ),
            draw(st.integers(0, 4)),
        )
        for number in range(1, draw(st.integers(1, 6)) + 1)
    ]
    return waiting, residents, limits(draw(st.integers(0, 9)), draw(st.integers(1, 4)))


@given(situations())
def test_a_queue_that_can_move_moves(
    situation: tuple[list[Waiting], list[Resident], Limits],
) -> None:
    waiting, residents, bounds = situation
    if all(one.state is State.READY and not one.active for one in residents):
        decided = plan(waiting, residents, bounds)
        assert decided.assign or decided.load or decided.unload


@given(situations())
def test_no_busy_or_unready_model_is_unloaded(
    situation: tuple[list[Waiting], list[Resident], Limits],
) -> None:
    waiting, residents, bounds = situation
    decided = plan(waiting, residents, bounds)
    idle = {one.id for one in residents if one.state is State.READY and not one.active}
    assert set(decided.unload) <= idle
    assert not set(decided.unload) & {instance for _, instance in decided.assign}


@given(situations())
def test_never_two_loads_at_once(
    situation: tuple[list[Waiting], list[Resident], Limits],
) -> None:
    waiting, residents, bounds = situation
    decided = plan(waiting, residents, bounds)
    if any(one.state is State.LOADING for one in residents):
        assert decided.load is None
        assert not decided.unload
    assert decided.load is None or not decided.unload


@given(situations())
def test_a_load_fits_or_is_alone(
    situation: tuple[list[Waiting], list[Resident], Limits],
) -> None:
    waiting, residents, bounds = situation
    decided = plan(waiting, residents, bounds)
    if decided.load is not None and residents:
        asked = next(one.spec for one in waiting if one.id == decided.load)
        assert (asked.estimate or 0) <= bounds.free_memory
        assert len(residents) < bounds.max_loaded


@given(situations())
def test_nobody_is_overtaken_more_often_than_allowed(
    situation: tuple[list[Waiting], list[Resident], Limits],
) -> None:
    waiting, residents, bounds = situation
    decided = plan(waiting, residents, bounds)
    for one in waiting:
        assert one.overtaken + decided.overtaken.count(one.id) <= max(
            bounds.max_overtakes, one.overtaken
        )


@given(situations())
def test_a_request_gets_one_thing_at_most(
    situation: tuple[list[Waiting], list[Resident], Limits],
) -> None:
    waiting, residents, bounds = situation
    decided = plan(waiting, residents, bounds)
    served = [request for request, _ in decided.assign]
    assert len(served) == len(set(served))
    assert decided.load not in served


@given(situations())
def test_the_whole_queue_is_served_in_the_end(
    situation: tuple[list[Waiting], list[Resident], Limits],
) -> None:
    """Requests end, loads finish, stopped models go: then nobody waits for ever."""
    waiting, residents, bounds = situation
    bounds = replace(bounds, free_memory=bounds.free_memory)
    for _ in range(100):
        if not waiting:
            return
        waiting, residents, bounds = _carry_out(waiting, residents, bounds)
    raise AssertionError(f"still waiting: {waiting}")


def _carry_out(
    waiting: list[Waiting], residents: list[Resident], bounds: Limits
) -> tuple[list[Waiting], list[Resident], Limits]:
    decided = plan(waiting, residents, bounds)
    served = {request for request, _ in decided.assign}
    gone = [one for one in residents if one.id in decided.unload or one.state is State.STOPPING]
    free = bounds.free_memory + sum(one.memory for one in gone)
    stay = [replace(one, state=State.READY, active=0) for one in residents if one not in gone]
    if decided.load is not None:
        asked = next(one.spec for one in waiting if one.id == decided.load)
        memory = asked.estimate or 0
        opened = Opened(asked, asked.load.context_length or 0)
        number = max((one.id for one in residents), default=0) + 1
        stay.append(Resident(number, opened, State.READY, memory))
        free = max(0, free - memory)
    left = [one for one in waiting if one.id not in served]
    return left, stay, replace(bounds, free_memory=free)
