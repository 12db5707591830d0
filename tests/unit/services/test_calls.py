import re

from puna.chat.events import TextDelta, ToolCallDelta, ToolCallEvent
from puna.chat.messages import ToolCall
from puna.services.calls import Calls

FIRST = ToolCallEvent(ToolCall("f", {}, "", 0))
SECOND = ToolCallEvent(ToolCall("g", {}, "", 1))


def test_a_call_is_told_at_once_with_a_short_id() -> None:
    events = Calls(at_end=False).passed([TextDelta("x"), FIRST])
    assert isinstance(events[1], ToolCallEvent)
    assert re.fullmatch("call_[a-z0-9]{8}", events[1].call.id)


def test_calls_are_kept_for_the_end_with_long_ids() -> None:
    calls = Calls(at_end=True)
    assert calls.passed([TextDelta("x"), FIRST]) == [TextDelta("x")]
    told = [event for event in calls.closed([SECOND]) if isinstance(event, ToolCallEvent)]
    assert [event.call.name for event in told] == ["f", "g"]
    assert all(re.fullmatch("[A-Za-z0-9]{32}", event.call.id) for event in told)


def test_pieces_of_a_call_have_the_id_of_the_call() -> None:
    calls = Calls(at_end=False)
    delta, call = calls.passed([ToolCallDelta(0, "", "f", ""), FIRST])
    assert isinstance(delta, ToolCallDelta)
    assert isinstance(call, ToolCallEvent)
    assert delta.id == call.call.id


def test_an_id_of_the_model_is_kept() -> None:
    (event,) = Calls(at_end=False).passed([ToolCallEvent(ToolCall("f", {}, "mine", 0))])
    assert isinstance(event, ToolCallEvent)
    assert event.call.id == "mine"
