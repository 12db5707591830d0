"""Calls as models write them when they leave their own notation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from puna.chat.events import Event, TextDelta, ThinkingDelta, ToolCallEvent
from puna.chat.messages import Message, Think, Tool
from puna.chat.parsers import mistral
from puna.chat.parsing import Answer, OutputFormat, parser_for


def _tool(name: str, **kinds: str) -> Tool:
    properties = {key: {"type": kind} for key, kind in kinds.items()}
    return Tool({"function": {"name": name, "parameters": {"properties": properties}}})


TOOLS = (_tool("note", text="string", urgent="boolean"), _tool("clock"))
NOTE = [("note", {"text": "a, b"})]
CLOCK: list[tuple[str, Mapping[str, Any]]] = [("clock", {})]


def _events(form: OutputFormat, think: Think | None, pieces: Iterable[str]) -> list[Event]:
    parser = parser_for(form, Answer(TOOLS, think))
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.close()]


def _read(
    form: OutputFormat | str, text: str, think: Think | None = None
) -> tuple[list[tuple[str, Mapping[str, Any]]], str, str]:
    """Calls, text and thinking, which are the same however the text is cut."""
    if isinstance(form, str):
        form = OutputFormat(form)
    results = []
    for pieces in ([text], list(text), [text[: len(text) // 2], text[len(text) // 2 :]]):
        events = _events(form, think, pieces)
        calls = [(e.call.name, e.call.arguments) for e in events if isinstance(e, ToolCallEvent)]
        said = "".join(e.text for e in events if isinstance(e, TextDelta))
        thought = "".join(e.text for e in events if isinstance(e, ThinkingDelta))
        results.append((calls, said, thought))
    assert results[0] == results[1] == results[2]
    return results[0]


# ---------------------------------------------------------------- Mistral


@pytest.mark.parametrize(
    "call",
    [
        'note[CALL_ID]abc123def[ARGS]{"text": "a, b"}',
        'note{"text": "a, b"}',
        ' note[ARGS] {"text": "a, b"}',
        '[{"name": "note", "arguments": {"text": "a, b"}}]',
    ],
)
def test_a_mistral_call_is_read_in_every_notation(call: str) -> None:
    assert _read("ministral", f"[TOOL_CALLS]{call}") == (NOTE, "", "")


@pytest.mark.parametrize(
    "text",
    [
        '[TOOL_CALLS][ARGS]{"text": "x"}',
        "[TOOL_CALLS][TOOL_CALLS]clock[ARGS]{}",
        "[TOOL_CALLS]clock[ARGS]now",
        "[TOOL_CALLS]clock",
    ],
)
def test_what_is_no_mistral_call_stays_text(text: str) -> None:
    assert _read("ministral", text) == ([], text, "")


# ---------------------------------------------------------------- Gemma 4


@pytest.mark.parametrize(
    "arguments",
    [
        'text:<|"|>a, b<|"|>',
        'text:"a, b"',
        '"text": "a, b"',
        "text:'a, b'",
        "text:'a, b'<|\"|>",
        'text:<|"|>a, b',
        "text: a, b",
    ],
)
def test_a_gemma_call_is_read_with_whatever_quotes_it_has(arguments: str) -> None:
    text = f"<|tool_call>call:note{{{arguments}}}<tool_call|>"
    assert _read("gemma4", text) == (NOTE, "", "")


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ("text:a {b}, urgent:true", {"text": "a {b}", "urgent": True}),
        ("text:12 b", {"text": "12 b"}),
        ("text:it's", {"text": "it's"}),
        (r'text:"say \"a\"", urgent:false', {"text": 'say "a"', "urgent": False}),
        (r"text:'it\'s'", {"text": "it's"}),
        ('text:"a" b', {"text": '"a" b'}),
        ("text:", {"text": ""}),
        ("x:[\"a, b\",'c']", {"x": ["a, b", "c"]}),
    ],
)
def test_a_gemma_text_without_its_quotes_ends_where_the_tool_has_its_next_argument(
    arguments: str, value: dict[str, Any]
) -> None:
    text = f"<|tool_call>call:note{{{arguments}}}<tool_call|>"
    assert _read("gemma4", text) == ([("note", value)], "", "")


@pytest.mark.parametrize(
    "noise", ["<tool_call|>", "<|tool_response>", " <tool_call|>\n<tool_call|>"]
)
def test_tags_after_a_gemma_call_are_dropped(noise: str) -> None:
    text = f"<|tool_call>call:clock{{}}<tool_call|>{noise}Done <tool_call|>"
    assert _read("gemma4", text) == (CLOCK, "Done <tool_call|>", "")


def test_a_gemma_call_that_was_broken_off_is_not_mended() -> None:
    text = '<|tool_call>call:note{text:<|"|>if (a) {b}'
    assert _read("gemma4", text) == ([], text, "")


@pytest.mark.parametrize("name", ["thought\n", "thought\n\n ", "", "\n"])
@pytest.mark.parametrize("detected", [False, True])
def test_gemma_may_not_name_its_reasoning(name: str, detected: bool) -> None:
    form = OutputFormat("gemma4", detected=detected)
    calls, said, thought = _read(form, f"<|channel>{name}a<channel|>b", Think(True))
    assert (calls, said, thought.strip()) == ([], "b", "a")


@pytest.mark.parametrize("tail", ["<|channel>", "<|channel>thought\n"])
def test_gemma_goes_on_with_the_reasoning_that_the_prompt_began(tail: str) -> None:
    answer = Answer(TOOLS, Think(True), prompt_tail=tail)
    parser = parser_for(OutputFormat("gemma4", detected=True), answer)
    events = [*parser.feed("a<channel|>b"), *parser.close()]
    assert events == [ThinkingDelta("a"), TextDelta("b")]


# ---------------------------------------------------------------- GLM and Laguna

GLM_FORMS = ("glm-4.7", "glm-ocr", "laguna")
NOT_THINKING = Think(False)


@pytest.mark.parametrize("family", GLM_FORMS)
@pytest.mark.parametrize(
    "arguments",
    [
        "<arg_key>text</arg_key><arg_value>a, b</arg_value>",
        "<arg_key>text<arg_value>a, b</arg_value>",
        "<arg_key>text</arg_key>a, b</arg_value>",
        "<arg_key>text</arg_key><arg_value>a, b",
        " text</arg_key><arg_value>a, b</arg_value>",
        "<arg_value>a, b</arg_value><arg_key>text</arg_key>",
    ],
)
def test_a_glm_call_may_lack_a_tag(family: str, arguments: str) -> None:
    text = f"<tool_call>note{arguments}</tool_call>"
    assert _read(family, text, NOT_THINKING) == (NOTE, "", "")


@pytest.mark.parametrize("family", GLM_FORMS)
@pytest.mark.parametrize(
    "arguments",
    [
        "<arg_key>text</arg_key><arg_key>urgent</arg_key>"
        "<arg_value>a</arg_value><arg_value>true</arg_value>",
        "<arg_key>text</arg_key><arg_value>a</arg_value>urgent<arg_value>true</arg_value>",
        "<arg_key>text</arg_key><arg_value>a<arg_key>urgent</arg_key><arg_value>true</arg_value>",
    ],
)
def test_glm_keys_and_values_are_paired_in_their_order(family: str, arguments: str) -> None:
    text = f"<tool_call>note\n{arguments}</tool_call>"
    calls, said, _ = _read(family, text, NOT_THINKING)
    assert (calls, said) == ([("note", {"text": "a", "urgent": True})], "")


@pytest.mark.parametrize("family", GLM_FORMS)
@pytest.mark.parametrize(
    "body",
    [
        "note<arg_key>text</arg_key>",
        "note<arg_key>text</arg_value>",
        "note<arg_key>text</arg_key><arg_value>a</arg_value> b",
        "note<arg_key>a</arg_key><arg_value>b</arg_value>c<arg_key>d</arg_key><arg_value>e",
        "</arg_key><arg_value>a</arg_value>",
        "note</arg_key><arg_value>a</arg_value>",
    ],
)
def test_a_glm_call_that_can_be_read_in_two_ways_stays_text(family: str, body: str) -> None:
    text = f"<tool_call>{body}</tool_call>"
    assert _read(family, text, NOT_THINKING) == ([], text, "")


@pytest.mark.parametrize("family", GLM_FORMS)
def test_a_glm_call_that_was_broken_off_is_not_mended(family: str) -> None:
    text = "<tool_call>note<arg_key>text</arg_key><arg_value>a"
    assert _read(family, text, NOT_THINKING) == ([], text, "")


@pytest.mark.parametrize(
    "body",
    [
        'note\n{"text": "a, b"}',
        '{"name": "note", "arguments": {"text": "a, b"}}\n',
    ],
)
def test_laguna_also_writes_json(body: str) -> None:
    assert _read("laguna", f"<tool_call>{body}</tool_call>") == (NOTE, "", "")


def test_a_glm_value_may_have_braces() -> None:
    text = "<tool_call>note<arg_key>text</arg_key><arg_value>{a</arg_value></tool_call>"
    assert _read("laguna", text) == ([("note", {"text": "{a"})], "", "")


def test_laguna_may_open_a_call_twice() -> None:
    assert _read("laguna", "<tool_call>\n<tool_call>clock</tool_call>") == (CLOCK, "", "")
    twice = 'note\n{"text": "a, b"}\n<tool_call>note\n{"text": "a, b"}'
    assert _read("laguna", f"<tool_call>{twice}</tool_call>") == (NOTE, "", "")
    two = 'note\n{"text": "a, b"}\n<tool_call>clock'
    assert _read("laguna", f"<tool_call>{two}</tool_call>") == ([*NOTE, *CLOCK], "", "")


@pytest.mark.parametrize("family", ["laguna", "poolside-v1"])
@pytest.mark.parametrize("start", ["\n", "</think>\n", "\n</think>\n\n"])
def test_what_the_prompt_of_laguna_ended_with_is_not_part_of_the_answer(
    family: str, start: str
) -> None:
    assert _read(family, f"{start}Tokyo </think>") == ([], "Tokyo </think>", "")


def test_white_space_counts_where_laguna_continues_a_text() -> None:
    parser = parser_for(OutputFormat("laguna"), Answer(last=Message("assistant", "It")))
    assert [*parser.feed(" is"), *parser.close()] == [TextDelta(" is")]


@pytest.mark.parametrize("family", GLM_FORMS)
@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("\na\n\nb\n", "a\n\nb"),
        ("\n\na\n\n", "\na\n"),
        ("\r\na\r\nb\r\n", "a\r\nb"),
        ("a\r", "a\r"),
        ("\n", ""),
    ],
)
def test_a_newline_at_each_end_of_a_value_belongs_to_the_tags(
    family: str, written: str, value: str
) -> None:
    text = f"<arg_key>text</arg_key>\n<arg_value>{written}</arg_value>"
    calls, _, _ = _read(family, f"<tool_call>note\n{text}\n</tool_call>", NOT_THINKING)
    assert calls == [("note", {"text": value})]
    text = f"<function=note><parameter=text>{written}</parameter></function>"
    calls, _, _ = _read("qwen3-coder", f"<tool_call>{text}</tool_call>")
    assert calls == [("note", {"text": value})]


@pytest.mark.parametrize(
    ("family", "tags"), [("laguna", ("<think>", "</think>")), ("gemma4", None)]
)
def test_white_space_counts_where_the_family_was_found_in_a_template(
    family: str, tags: tuple[str, str] | None
) -> None:
    assert _read(OutputFormat(family, tags, detected=True), "\n a") == ([], "\n a", "")


def test_tags_after_a_call_are_dropped_where_the_family_was_found_in_a_template() -> None:
    text = "<|tool_call>call:clock{}<tool_call|><|tool_response>"
    assert _read(OutputFormat("gemma4", detected=True), text) == (CLOCK, "", "")


# ---------------------------------------------------------------- Command A


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (
            '[{"tool_name": "note", "parameters": {"time": 15:30}},'
            ' {"tool_name": "clock", "parameters": {}}]',
            CLOCK,
        ),
        (
            '[{"tool_name": "clock", "parameters": {}}'
            '{"tool_name": "note", "parameters": {"text": "{a}\\" }"}}]',
            [*CLOCK, ("note", {"text": '{a}" }'})],
        ),
    ],
)
def test_a_broken_cohere_call_does_not_take_the_others_along(
    calls: str, expected: list[tuple[str, Mapping[str, Any]]]
) -> None:
    text = f"plan<|END_THINKING|><|START_ACTION|>{calls}<|END_ACTION|>"
    assert _read("cohere", text) == (expected, "", "plan")


def test_a_cohere_action_without_any_call_stays_text() -> None:
    text = '<|START_ACTION|>[{"a": 15:30}, {not} }]<|END_ACTION|>'
    assert _read("cohere", text) == ([], text, "")


def test_reasoning_that_the_prompt_has_closed_may_be_closed_again() -> None:
    text = "<|END_THINKING|><|START_TEXT|>Hello<|END_TEXT|>"
    assert _read("cohere", text, NOT_THINKING) == ([], "Hello", "")


# ---------------------------------------------------------------- by a tag of the template

TAGGED = OutputFormat("", None, "<tool_call>")


def test_a_tagged_call_does_not_get_the_arguments_of_the_next_one() -> None:
    text = (
        '<tool_call>{"name": "clock"}</tool_call>\n'
        '<tool_call>{"name": "note", "arguments": {"text": "a, b"}}</tool_call>'
    )
    assert _read(TAGGED, text) == (NOTE, "", "")
    assert _read(TAGGED, text.replace('"note"', r'"\u006eote"')) == (NOTE, "", "")


# ---------------------------------------------------------------- Glimmer


def test_a_glimmer_answer_without_any_header_is_text() -> None:
    assert _read("glimmer", "Done.<|eot|>") == ([], "Done.<|eot|>", "")


# ---------------------------------------------------------------- any family


@pytest.mark.parametrize(
    ("form", "opening"),
    [
        ("qwen3", "<tool_call>"),
        ("qwen3-coder", "<tool_call><function=note><parameter=text>"),
        ("ministral", "[TOOL_CALLS]clock[ARGS]"),
        ("harmony", "<|channel|>commentary to=functions.clock<|message|>"),
        ("laguna", "<tool_call>clock"),
        ("llama", '{"name": "clock", "parameters": '),
        (TAGGED, '<tool_call>{"name": "clock", "arguments": '),
    ],
)
def test_brackets_without_end_do_not_end_an_answer(form: OutputFormat | str, opening: str) -> None:
    for nested in ("[" * 5000, '{"a":' * 5000 + "1" + "}" * 5000):
        if isinstance(form, str):
            form = OutputFormat(form)
        events = _events(form, None, [opening + nested])
        assert all(isinstance(event, TextDelta | ToolCallEvent) for event in events)
        assert events


@pytest.mark.parametrize(
    "text", [r'{"a": "x\\"}', r'{"a": "\"}]"}', r'{"a": ["}", {"b": "\\\""}]}']
)
def test_the_end_of_json_is_found_however_it_is_cut(text: str) -> None:
    body = f"f[ARGS]{text}"
    for first in range(len(body) + 1):
        for second in range(first, len(body) + 1):
            find = mistral.JsonEnd()
            seen = {find(body[:end]) for end in (first, second) if end < len(body)}
            assert seen <= {None}
            assert find(body + " and more") == (len(body), len(body))
