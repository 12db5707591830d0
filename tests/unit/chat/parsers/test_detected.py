"""Families that are known by their chat template alone."""

from __future__ import annotations

import pytest

from puna.chat.events import TextDelta, ThinkingDelta
from puna.chat.messages import Message, Think, Tool
from puna.chat.parsers.base import Reasoning
from puna.chat.parsing import Answer, OutputFormat, parser_for

TAGS = ("<think>", "</think>")


def _read(form: OutputFormat, text: str) -> tuple[str, str]:
    parser = parser_for(form, Answer())
    events = [*parser.feed(text), *parser.close()]
    thinking = "".join(event.text for event in events if isinstance(event, ThinkingDelta))
    return thinking, "".join(event.text for event in events if isinstance(event, TextDelta))


def test_reasoning_is_text_when_the_template_knows_of_none() -> None:
    form = OutputFormat("hermes", detected=True)
    assert _read(form, "<think>a</think>\n\nb") == ("", "<think>a</think>\n\nb")


@pytest.mark.parametrize(
    ("text", "thinking", "content"),
    [
        ("<think>\nstill on it", "still on it", ""),
        ("<think> which? </think>\n\nb", " which? ", "\nb"),
    ],
)
def test_a_newline_after_a_tag_belongs_to_the_tag(text: str, thinking: str, content: str) -> None:
    assert _read(OutputFormat("hermes", TAGS, detected=True), text) == (thinking, content)


FORMAT = OutputFormat("", TAGS)
OPEN = Answer(prompt_tail="a<think>\n")


@pytest.mark.parametrize(
    ("form", "answer", "begun"),
    [
        (FORMAT, Answer(), False),
        (FORMAT, OPEN, True),
        (OutputFormat("", TAGS, "<tool_call>"), Answer(tools=(Tool({}),)), False),
        (OutputFormat("hermes", TAGS, detected=True), Answer(), False),
        (OutputFormat("hermes", TAGS, detected=True), OPEN, True),
        (OutputFormat("qwen3-thinking"), Answer(), True),
        (OutputFormat("cogito"), Answer(think=Think(True)), False),
    ],
)
def test_a_parser_tells_where_an_answer_reasons(
    form: OutputFormat, answer: Answer, begun: bool
) -> None:
    assert parser_for(form, answer).reasoning == Reasoning("<think>", ("</think>",), begun)


@pytest.mark.parametrize(
    ("form", "answer"),
    [
        (OutputFormat(), Answer()),
        (FORMAT, Answer(think=Think(False))),
        (OutputFormat("hermes", detected=True), OPEN),
        (OutputFormat("llama"), Answer()),
        (OutputFormat("qwen3-thinking"), Answer(think=Think(False))),
        (OutputFormat("gemma4"), Answer(think=Think(False))),
        (OutputFormat("harmony"), Answer(last=Message("assistant", "It is"))),
    ],
)
def test_a_parser_tells_that_an_answer_does_not_reason(form: OutputFormat, answer: Answer) -> None:
    assert parser_for(form, answer).reasoning is None


def test_what_is_said_comes_after_a_header_where_messages_have_some() -> None:
    reasoning = parser_for(OutputFormat("harmony"), Answer(think=Think(False))).reasoning
    assert reasoning is not None
    assert (reasoning.opening, reasoning.begun) == ("", True)
    assert "<|channel|>final<|message|>" in reasoning.closings
