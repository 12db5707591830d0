from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.chat.messages import Message
from puna.chat.past_reasoning import without_tagged, without_thinking

ASK = Message("user", "q")


def said(content: str) -> str:
    """What an earlier answer becomes."""
    return without_tagged([ASK, Message("assistant", content), ASK])[1].content


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<think>hm</think>\n\nYes.", "Yes."),
        ("  <think>a\nb</think> Yes.\n", "Yes.\n"),
        ("<think></think>", ""),
        ("<think>never closed", ""),
        ("Yes.", "Yes."),
        ("  Yes.", "  Yes."),
        ("Write <think>x</think> like this.", "Write <think>x</think> like this."),
        ("<think>a</think>b <think>c</think>", "b <think>c</think>"),
        ("a</think>b", "a</think>b"),
        ("", ""),
    ],
)
def test_an_earlier_answer_loses_the_reasoning_it_begins_with(content: str, expected: str) -> None:
    assert said(content) == expected


def test_what_came_after_the_last_question_stays() -> None:
    answer = Message("assistant", "<think>a</think>b", thinking="a")
    for strip in (without_tagged, without_thinking):
        assert strip([ASK, answer]) == [ASK, answer]
        assert strip([answer]) == [answer]


def test_only_assistants_have_reasoning() -> None:
    asked = Message("user", "<think>a</think>b")
    assert without_tagged([asked, ASK]) == [asked, ASK]


def test_reasoning_sent_back_beside_the_text_is_left_out() -> None:
    earlier = Message("assistant", "b", thinking="a")
    assert without_thinking([ASK, earlier, ASK])[1] == Message("assistant", "b")


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool"]), st.text())))
def test_no_message_is_lost_and_twice_is_as_once(turns: list[tuple[str, str]]) -> None:
    messages = [Message(role, text) for role, text in turns]
    once = without_thinking(messages)
    assert [one.role for one in without_tagged(messages)] == [role for role, _ in turns]
    assert without_thinking(once) == once
