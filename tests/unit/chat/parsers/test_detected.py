"""Families that are known by their chat template alone."""

from __future__ import annotations

import pytest

from puna.chat.events import TextDelta, ThinkingDelta
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
