"""Which parsers read the output of a model, and how they are put in a row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from puna.chat.events import Event, TextDelta
from puna.chat.messages import Think, Tool
from puna.chat.parsers.base import OutputParser
from puna.chat.parsers.plain import PlainParser
from puna.chat.parsers.tagged_tools import TaggedToolParser
from puna.chat.parsers.thinking import ThinkingParser


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """How a model writes what is not plain text.

    Attributes:
        thinking_tags: opening and closing tag of reasoning, None = none.
        tool_tag: what announces a tool call, empty = the model has no form.
    """

    thinking_tags: tuple[str, str] | None = None
    tool_tag: str = ""


class Chain:
    """One parser after another: text that the first lets through feeds the second."""

    def __init__(self, first: OutputParser, second: OutputParser) -> None:
        self._first = first
        self._second = second

    def feed(self, text: str) -> list[Event]:
        """Events that are certain after ``text``."""
        return self._pass_on(self._first.feed(text))

    def close(self) -> list[Event]:
        """Events for what both still hold back."""
        return [*self._pass_on(self._first.close()), *self._second.close()]

    def _pass_on(self, events: list[Event]) -> list[Event]:
        result: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                result += self._second.feed(event.text)
            else:
                result.append(event)
        return result


def parser_for(
    form: OutputFormat,
    *,
    tools: Sequence[Tool] = (),
    think: Think | None = None,
    prompt_tail: str = "",
) -> OutputParser:
    """The parser for one answer.

    Args:
        form: what is known of the model's output.
        tools: the tools that were offered; without any, calls stay text.
        think: what was asked; thinking is split off whenever the model can.
        prompt_tail: the end of the rendered prompt; when it ends with the
            opening tag the answer starts inside the reasoning.
    """
    parsers: list[OutputParser] = []
    if form.thinking_tags is not None and (think is None or think.enabled):
        opening, closing = form.thinking_tags
        inside = prompt_tail.rstrip().endswith(opening)
        parsers.append(ThinkingParser(opening, closing, inside=inside))
    if tools and form.tool_tag:
        parsers.append(TaggedToolParser(form.tool_tag, tools))
    if not parsers:
        return PlainParser()
    parser = parsers[0]
    for following in parsers[1:]:
        parser = Chain(parser, following)
    return parser
