import json
from typing import Any

import pytest

from puna.errors import InvalidInput
from puna.runner.protocol import Constraint
from puna.services.formats import constraint_of


@pytest.mark.parametrize("value", [None, ""])
def test_no_format_is_free_text(value: Any) -> None:
    assert constraint_of(value) is None


def test_the_word_json_asks_for_an_object() -> None:
    asked = constraint_of("json", after=("</think>",), unless="<think>")
    assert asked == Constraint("json", after=("</think>",), unless="<think>")


def test_an_object_is_a_schema_with_its_key_order() -> None:
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "integer"}}}
    constraint = constraint_of(schema)
    assert constraint is not None
    assert constraint.kind == "schema"
    assert constraint.source == json.dumps(schema)


def test_a_grammar_is_passed_on() -> None:
    asked = {"type": "grammar", "grammar": 'root ::= "a"'}
    assert constraint_of(asked) == Constraint("gbnf", 'root ::= "a"')


@pytest.mark.parametrize(
    ("value", "shown"),
    [("xml", '"\\"xml\\""'), (5, '"5"'), ([], '"[]"'), (True, '"true"'), ("JSON", '"\\"JSON\\""')],
)
def test_other_formats_are_refused_in_ollamas_words(value: Any, shown: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        constraint_of(value)
    assert str(caught.value) == (
        f'invalid format: {shown}; expected "json" or a valid JSON Schema object'
    )


def test_a_schema_may_not_be_nested_without_end() -> None:
    schema: dict[str, Any] = {}
    for _ in range(100):
        schema = {"items": schema}
    with pytest.raises(InvalidInput, match="nested deeper"):
        constraint_of(schema)
