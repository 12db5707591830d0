"""Answers that must follow a grammar, from real models."""

from __future__ import annotations

import json

import pytest

from puna.runner.protocol import Constraint

from .conftest import RunnerChild

pytestmark = pytest.mark.model

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "colour": {"enum": ["red", "green", "blue"]},
    },
    "required": ["name", "age", "colour"],
}


@pytest.mark.parametrize("temperature", [0.0, 1.5])
def test_an_answer_follows_its_schema(smol_runner: RunnerChild, temperature: float) -> None:
    answer = smol_runner.raw(
        300 + int(temperature),
        "Describe a person as JSON:",
        constraint=Constraint("schema", json.dumps(PERSON)),
        temperature=temperature,
        num_predict=200,
    )
    assert answer.finished is not None
    assert answer.finished.reason == "stop"
    person = json.loads(answer.text)
    assert list(person) == ["name", "age", "colour"]
    assert 0 <= person["age"] <= 150
    assert person["colour"] in PERSON["properties"]["colour"]["enum"]  # type: ignore[index]


def test_an_answer_in_gbnf_is_one_of_its_texts(smol_runner: RunnerChild) -> None:
    rule = Constraint("gbnf", 'root ::= ("yes" | "no") "!"?')
    answer = smol_runner.raw(310, "Is water wet?", constraint=rule)
    assert answer.text.rstrip("!") in ("yes", "no")


def test_a_grammar_that_begins_later_leaves_the_beginning_free(tiny_runner: RunnerChild) -> None:
    # The script goes on with "Forty two"; the grammar allows only "Forty".
    rule = Constraint("gbnf", 'root ::= "\\n\\nForty"', after=("</think>",))
    answer = tiny_runner.raw(311, "<|think|>", constraint=rule)
    assert answer.text == "<think>I ponder deeply.</think>\n\nForty"


def test_an_answer_without_thinking_follows_the_grammar_at_once(tiny_runner: RunnerChild) -> None:
    rule = Constraint("gbnf", 'root ::= "true"', after=("</think>",), unless="<think>")
    assert tiny_runner.raw(317, "<|text|>", constraint=rule).text == "true"


def test_an_answer_that_thinks_follows_the_grammar_later(tiny_runner: RunnerChild) -> None:
    rule = Constraint("gbnf", 'root ::= "\\n\\nForty"', after=("</think>",), unless="<think>")
    answer = tiny_runner.raw(318, "<|think|>", constraint=rule)
    assert answer.text == "<think>I ponder deeply.</think>\n\nForty"


def test_an_answer_that_would_end_in_its_thoughts_is_brought_to_its_end(
    tiny_runner: RunnerChild,
) -> None:
    rule = Constraint("gbnf", 'root ::= "{}"', after=("</think>",), unless="<think>")
    answer = tiny_runner.raw(319, "<|unclosed|>", constraint=rule)
    assert answer.text == "<think>\nstill pondering on</think>{}"


def test_a_trigger_that_never_comes_leaves_all_free(tiny_runner: RunnerChild) -> None:
    rule = Constraint("json", triggers=("<tool_call>",))
    assert tiny_runner.raw(312, "<|text|>", constraint=rule).text == "Hello there friend."


def test_a_trigger_starts_the_grammar(tiny_runner: RunnerChild) -> None:
    source = 'root ::= "\\n" "{" [^}]* "}" "}\\n"'
    rule = Constraint("gbnf", source, triggers=("<tool_call>",))
    answer = tiny_runner.raw(313, "<|tagtool|>", constraint=rule)
    assert answer.text.startswith("Let me look.<tool_call>\n{")
    assert answer.text.endswith("}}\n")


def test_a_bad_grammar_ends_one_request_only(tiny_runner: RunnerChild) -> None:
    answer = tiny_runner.raw(314, "<|text|>", constraint=Constraint("gbnf", "root ::= nope"))
    assert answer.failed is not None
    assert answer.failed.kind == "invalid"
    assert tiny_runner.raw(315, "<|text|>").text == "Hello there friend."


def test_what_a_schema_does_not_get_is_told(smol_runner: RunnerChild) -> None:
    rule = Constraint("schema", '{"type":"string","minLength":100000}')
    answer = smol_runner.raw(316, "Say hi", constraint=rule, num_predict=4)
    assert answer.usage.warnings


def test_a_trigger_counts_only_after_thinking(tiny_runner: RunnerChild) -> None:
    rule = Constraint(
        "gbnf", 'root ::= "_call>{}"', after=("</think>",), unless="<think>", triggers=("tool",)
    )
    answer = tiny_runner.raw(320, "<|thinktool|>", constraint=rule)
    assert answer.text == "<think> which tool? </think>\n<tool_call>{}"


def test_a_trigger_counts_at_once_where_nothing_is_thought(tiny_runner: RunnerChild) -> None:
    rule = Constraint(
        "gbnf", 'root ::= "{}"', after=("</think>",), unless="<think>", triggers=("<tool_call>",)
    )
    answer = tiny_runner.raw(321, "<|tagtool|>", constraint=rule)
    assert answer.text == "Let me look.<tool_call>{}"


def test_a_call_that_does_not_fit_from_its_first_token_on_is_left_free(
    tiny_runner: RunnerChild,
) -> None:
    rule = Constraint("gbnf", 'root ::= "nothing"', triggers=('{"na',), at_start=True)
    answer = tiny_runner.raw(326, "<|tool|>", constraint=rule)
    assert answer.text == '{"name": "get_weather", "parameters": {"city": "Paris"}}'


def test_a_trigger_at_the_start_counts_nowhere_else(tiny_runner: RunnerChild) -> None:
    rule = Constraint("gbnf", 'root ::= "get_time"', triggers=('{"name": "',), at_start=True)
    assert tiny_runner.raw(322, "<|tool|>", constraint=rule).text == '{"name": "get_time'
    later = tiny_runner.raw(323, "<|tagtool|>", constraint=rule)
    assert later.text.startswith('Let me look.<tool_call>\n{"name": "get_weather"')
    other = tiny_runner.raw(324, "<|json|>", constraint=rule)
    assert other.text == '{"a": 1}'


def test_a_trigger_at_the_start_may_have_other_blanks(tiny_runner: RunnerChild) -> None:
    start = '{"name":"get_weather","'
    rule = Constraint("gbnf", 'root ::= "par!"', triggers=(start,), at_start=True)
    answer = tiny_runner.raw(325, "<|badtool|>", constraint=rule)
    assert answer.text == '{ "name": "get_weather", "par!'
