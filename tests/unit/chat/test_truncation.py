from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from puna.chat.messages import Message
from puna.chat.truncation import fit
from puna.errors import TemplateError

roles = st.sampled_from(["system", "user", "assistant", "tool"])
conversations = st.lists(
    st.builds(Message, role=roles, content=st.text("ab", max_size=9)), min_size=1, max_size=12
)


def size(messages: Sequence[Message]) -> int:
    return sum(len(message.content) + 1 for message in messages)


def talk(*turns: str) -> list[Message]:
    names = {"s": "system", "u": "user", "a": "assistant", "t": "tool"}
    return [Message(names[turn[0]], turn) for turn in turns]


def test_a_conversation_that_fits_is_left_alone() -> None:
    messages = talk("s1", "u1", "a1", "u2")
    assert fit(messages, size, 12).messages == tuple(messages)


def test_the_oldest_go_first_and_system_messages_stay() -> None:
    fitted = fit(talk("s1", "u1", "a1", "s2", "u2"), size, 9)
    assert [message.content for message in fitted.messages] == ["s1", "s2", "u2"]
    assert (fitted.dropped, fitted.tokens, fitted.total) == (2, 9, 15)


def test_a_prompt_of_exactly_the_limit_is_not_cut() -> None:
    assert fit(talk("u1", "a1", "u2"), size, 9).dropped == 0


def test_the_last_message_stays_even_if_it_is_too_long() -> None:
    fitted = fit(talk("s1", "u1", "a1"), size, 1)
    assert [message.content for message in fitted.messages] == ["s1", "a1"]
    assert fitted.tokens > 1


def test_whole_turns_start_with_a_user() -> None:
    fitted = fit(talk("u1", "a1", "u2", "a2", "u3"), size, 12, whole_turns=True)
    assert [message.content for message in fitted.messages] == ["u2", "a2", "u3"]


def test_a_tool_result_never_comes_first_in_whole_turns() -> None:
    fitted = fit(talk("u1", "a1", "t1", "a2", "t2"), size, 6, whole_turns=True)
    assert [message.content for message in fitted.messages] == ["a2", "t2"]


def test_a_start_that_the_template_refuses_is_passed_over() -> None:
    def strict(messages: Sequence[Message]) -> int:
        if messages[0].role != "user":
            raise TemplateError("roles must alternate")
        return size(messages)

    fitted = fit(talk("u1", "a1", "u2", "a2", "u3"), strict, 9)
    assert fitted.messages[0].role == "user"
    assert fitted.tokens <= 9


@given(conversations, st.integers(0, 60), st.booleans())
def test_system_and_last_messages_always_stay(
    messages: list[Message], limit: int, whole_turns: bool
) -> None:
    fitted = fit(messages, size, limit, whole_turns=whole_turns)
    assert fitted.messages[-1] == messages[-1]
    assert [m for m in fitted.messages if m.role == "system"] == [
        m for m in messages if m.role == "system"
    ]
    assert fitted.dropped == len(messages) - len(fitted.messages)


@given(conversations, st.integers(0, 60))
def test_no_more_is_dropped_than_needed(messages: list[Message], limit: int) -> None:
    fitted = fit(messages, size, limit)
    fits = [
        place
        for place in range(1, len(messages))
        if size([m for m in messages[:place] if m.role == "system"]) + size(messages[place:])
        <= limit
    ]
    if fitted.dropped and fits:
        assert len(fitted.messages) >= len(messages) - fits[0]
