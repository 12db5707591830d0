"""Constraints as grammars: what they allow, what is refused, what is relaxed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.chat.call_grammar import Alternative, CallGrammar
from puna.errors import InvalidInput
from puna.runner import gbnf, gbnf_parser
from puna.runner.gbnf import Characters, Choice, Literal, Node, Reference, Repeat, Sequence
from puna.runner.grammar import grammar_of
from puna.runner.protocol import Constraint


def ends(grammar: gbnf.Grammar, node: Node, text: str, start: int) -> set[int]:
    """All positions where a match of ``node`` from ``start`` may end."""
    match node:
        case Literal(value):
            return {start + len(value)} if text.startswith(value, start) else set()
        case Characters(ranges, negated):
            if start >= len(text):
                return set()
            inside = any(a <= text[start] <= b for a, b in ranges)
            return {start + 1} if inside != negated else set()
        case Reference(name):
            return ends(grammar, grammar[name], text, start)
        case Choice(options):
            return set().union(*(ends(grammar, option, text, start) for option in options))
        case Sequence(items):
            found = {start}
            for item in items:
                found = set().union(*(ends(grammar, item, text, at) for at in found))
            return found
        case Repeat(item, low, high):
            return _repeated(grammar, item, text, start, low, high)


def _repeated(
    grammar: gbnf.Grammar, item: Node, text: str, start: int, low: int, high: int | None
) -> set[int]:
    reached = {start}
    result = {start} if low == 0 else set()
    count = 0
    while reached and (high is None or count < high):
        reached = set().union(*(ends(grammar, item, text, at) for at in reached)) - (
            result if count >= low else set()
        )
        count += 1
        if count >= low:
            result |= reached
    return result


def allows(constraint: Constraint, text: str) -> bool:
    return accepts(gbnf_parser.parse(grammar_of(constraint).text), text)


def accepts(rules: gbnf.Grammar, text: str) -> bool:
    return len(text) in ends(rules, rules["root"], text, 0)


def schema(value: Any) -> Constraint:
    return Constraint("schema", json.dumps(value))


PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "age": {"type": "integer"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["name"],
}


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"type": "integer"}, ["0", "-7", "123"], ["01", "1.5", '"1"', ""]),
        ({"type": "number"}, ["1.5", "-0.25", "1e10"], ["1.", ".5", "+1"]),
        ({"type": "boolean"}, ["true", "false"], ["True", "1"]),
        ({"type": "null"}, ["null"], ["", "nil"]),
        ({"type": "string"}, ['""', '"a b"', '"\\n\\u00e9"', '"é"'], ['"', '"\n"', "a"]),
        ({"type": ["string", "null"]}, ['"x"', "null"], ["1"]),
        ({"enum": ["red", "rose", 3, None]}, ['"red"', '"rose"', "3", "null"], ['"ro"', '"r"']),
        ({"const": {"a": [1, "é"]}}, ['{"a": [1, "é"]}'], ["{}"]),
        (PERSON, ['{"name":"x"}', '{ "name": "x", "age": 3 }'], ["{}", '{"age":3}']),
        (PERSON, ['{"name":"x","tags":[ ]}'], ['{"age":1,"name":"x"}', '{"name":"x","z":1}']),
        ({"type": "object"}, ["{}", '{"a":1,"b":[{}]}'], ["[]"]),
        ({"type": "object", "properties": {}}, ["{}"], ['{"a":1}']),
        (
            {"properties": {"a": {"type": "null"}}, "additionalProperties": {"type": "integer"}},
            ["{}", '{"a":null}', '{"a":null,"b":2}', '{"b":2}'],
            ['{"b":"x"}'],
        ),
        ({"type": "array", "items": {"type": "null"}}, ["[]", "[null, null]"], ["[1]"]),
        (
            {"type": "array", "items": {"type": "null"}, "minItems": 1, "maxItems": 2},
            ["[null]", "[null,null]"],
            ["[]", "[null,null,null]"],
        ),
        ({"prefixItems": [{"type": "null"}, {"type": "integer"}]}, ["[null, 4]"], ["[4]"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ['"ab"', '"abc"'], ['"a"', '"abcd"']),
        ({"type": "integer", "minimum": 5, "maximum": 120}, ["5", "99", "120"], ["4", "121"]),
        ({"type": "integer", "exclusiveMinimum": 0}, ["1", "77"], ["0", "-3"]),
        ({"type": "integer", "minimum": -12, "maximum": -3}, ["-12", "-3"], ["-2", "-13", "5"]),
        ({"type": "string", "pattern": "^[a-c]+\\d{2}$"}, ['"abc12"'], ['"12"', '"abc1"']),
        ({"type": "string", "pattern": '^(x|"y")?$'}, ['""', '"x"', '"\\"y\\""'], ['"y"']),
        ({"type": "string", "format": "date"}, ['"2024-02-29"'], ['"2024-13-01"', '"x"']),
        ({"type": "string", "format": "time"}, ['"23:59:59Z"'], ['"24:00:00Z"']),
        ({"format": "date-time"}, ['"2024-01-01T00:00:00.000+02:00"'], ['"2024-01-01"']),
        (
            {"type": "string", "format": "uuid"},
            ['"123e4567-e89b-12d3-a456-426614174000"'],
            ['"123"'],
        ),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, ["null", "1"], ['"x"']),
        (
            {"allOf": [{"$ref": "#/$defs/a"}, {"required": ["x"]}],
             "$defs": {"a": {"properties": {"x": {"type": "integer"}}}}},
            ['{"x":1}'],
            ["{}", '{"x":"1"}'],
        ),
        (
            {"$ref": "#/$defs/n", "$defs": {"n": {
                "type": "object", "properties": {"c": {"type": "array", "items": {
                    "$ref": "#/$defs/n"}}}, "required": ["c"]}}},
            ['{"c":[]}', '{"c":[{"c":[{"c":[]}]}]}'],
            ['{"c":[{}]}'],
        ),
        (True, ["1", "{}", '"x"', "[null]"], [""]),
    ],
)  # fmt: skip
def test_a_schema_allows_its_values_and_no_others(
    rule: Any, good: list[str], bad: list[str]
) -> None:
    wrong = [text for text in good if not allows(schema(rule), text)]
    wrong += [text for text in bad if allows(schema(rule), text)]
    assert wrong == []


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('{"type":"banana"}', "unrecognized schema type"),
        ("false", "allows no value"),
        ("[1]", "object or a boolean"),
        ("{", "not valid JSON"),
        ('{"$ref":"http://127.0.0.1:9/x.json"}', "inside the schema"),
        ('{"$ref":"#/$defs/none"}', "has no #/$defs/none"),
        ('{"$ref":"#/$defs/a","$defs":{"a":{"$ref":"#/$defs/a"}}}', "refers to itself"),
        ('{"type":"string","pattern":"^+[a-z]$"}', "repeats nothing"),
        ('{"type":"string","pattern":"^{2}x$"}', "repeats nothing"),
        ('{"type":"string","pattern":"[a-z]"}', "start with"),
        ('{"type":"array","items":{},"minItems":9,"maxItems":1}', "larger than"),
    ],
)
def test_a_schema_that_is_none_is_refused(source: str, text: str) -> None:
    with pytest.raises(InvalidInput) as error:
        grammar_of(Constraint("schema", source))
    assert text in str(error.value)


def _nested(depth: int) -> str:
    return '{"type":"object","properties":{"a":' * depth + '{"type":"null"}' + "}}" * depth


@pytest.mark.parametrize(
    "source",
    [
        _nested(300),
        _nested(20000),
        '{"type":"array","items":{"type":"string","maxLength":100000},"maxItems":100000}',
        '{"type":"string","minLength":1000000000}',
        json.dumps({"type": "string", "pattern": "^" + "(" * 5000 + "a" + ")" * 5000 + "$"}),
        '{"type":"string","pattern":"^a{1,100000000}$"}',
        json.dumps({"enum": [f"v{i}" for i in range(100000)]}),
        json.dumps({"anyOf": [{"const": f"v{i}"} for i in range(20000)]}),
        json.dumps({"type": "object", "properties": {f"p{i}": {} for i in range(10000)}}),
    ],
)
def test_a_schema_beyond_the_limits_is_served_relaxed(source: str) -> None:
    grammar = grammar_of(Constraint("schema", source))
    assert grammar.warnings
    assert len(grammar.text) < 10_000


@pytest.mark.parametrize(
    "source",
    [
        "root ::= " + "(" * 60000 + '"a"' + ")" * 60000,
        'root ::= root "a" | "b"',
        'root ::= a? root "b"\na ::= "x"',
        'root ::= ((("a"{1,2000}){1,2000}){1,2000})',
        "root ::= nope",
        'root ::= "abc',
        "root ::= [abc",
        'x ::= "a"',
        "",
        'root ::= ( "a"* )*',
        'root ::= "a"{1,100000000}',
        "root ::= " + '"a"? ' * 3000,
        "root ::= a a a a\na ::= b b b b\nb ::= c c c c\nc ::= " + '"x"? "y"? "z"?',
        "root ::= " + " | ".join(f'"{i}x"' for i in range(5000)),
        'root ::= "\\q"',
        'root ::= "\\ud800"',
        'root = "a"',
        'root ::= "a" )',
    ],
    ids=lambda source: source[:24],
)
def test_a_grammar_that_would_end_the_process_is_refused(source: str) -> None:
    with pytest.raises(InvalidInput):
        grammar_of(Constraint("gbnf", source))


def test_a_grammar_is_read_with_comments_groups_and_counts() -> None:
    source = """# a list
root ::= item ("," item){0,2}
  # indented comment
item ::= [a-c]+ | "\\x41" | ("x"
  | "y")?  "z" """
    constraint = Constraint("gbnf", source)
    good = [text for text in ("a", "abc,z", "A,xz,yz") if not allows(constraint, text)]
    assert good == []
    assert not allows(constraint, "a,a,a,a")


def test_json_allows_objects_only() -> None:
    assert allows(Constraint("json"), '{"a": [1, true, {"b": null}]}')
    assert not allows(Constraint("json"), "[1]")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@given(json_values)
def test_any_json_value_fits_the_empty_schema(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=True)
    assert allows(Constraint("schema", "{}"), text)


@given(st.integers(-2000, 2000), st.integers(0, 3000), st.integers(-6000, 6000))
def test_an_integer_range_holds_exactly_its_numbers(low: int, size: int, number: int) -> None:
    rule = {"type": "integer", "minimum": low, "maximum": low + size}
    assert allows(schema(rule), str(number)) == (low <= number <= low + size)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=30), st.text(max_size=5))
def test_an_enum_holds_exactly_its_values(values: list[str], other: str) -> None:
    rules = gbnf_parser.parse(grammar_of(schema({"enum": values})).text)
    assert all(accepts(rules, json.dumps(value, ensure_ascii=False)) for value in values)
    assert accepts(rules, json.dumps(other, ensure_ascii=False)) == (other in values)


@given(st.text(alphabet='ab"[]()|*+?{}^-.,:=\\ \nroot01#', max_size=60))
def test_no_text_breaks_the_grammar_reader(text: str) -> None:
    for source in (text, f"root ::= {text}"):
        try:
            written = grammar_of(Constraint("gbnf", source)).text
        except InvalidInput:
            continue
        # What was accepted is written so that it reads back the same.
        rules = gbnf_parser.parse(written)
        gbnf.check(rules)
        assert gbnf.write(rules) == written


@given(st.text(alphabet='ab[]()|*+?{}^$-.,0123\\dwsxu"', max_size=30))
def test_no_pattern_breaks_the_converter(pattern: str) -> None:
    source = json.dumps({"type": "string", "pattern": f"^{pattern}$"})
    try:
        grammar_of(Constraint("schema", source))
    except InvalidInput:
        return


def test_random_schemas_end_in_a_grammar_or_a_plain_error() -> None:
    words = [*PERSON, "items", "anyOf", "allOf", "enum", "const", "$ref", "minLength"]
    values: list[Any] = ["string", "object", 3, None, True, [], {}, "#", ["a"], [{}], -1, 1.5]
    dice = random.Random(4)
    for _ in range(600):
        rule: Any = {}
        for _ in range(dice.randrange(1, 6)):
            rule = {dice.choice(words): dice.choice([rule, *values]), **dice.choice([rule, {}])}
        try:
            grammar_of(schema(rule))
        except InvalidInput:
            continue


ONE = Alternative('<c>{"name":"one","arguments":', json.dumps(PERSON), "}</c>")
TWO = Alternative('<c>{"name":"two","arguments":', '{"$ref":"#/$defs/t","$defs":{"t":{}}}', "}</c>")


def test_calls_follow_the_schema_of_the_tool_they_name() -> None:
    calls = Constraint("calls", calls=CallGrammar((ONE, TWO), separator="\n", most=2))
    first = '<c>{"name":"one","arguments":{"name":"x"}}</c>'
    second = '<c>{"name":"two","arguments":[1]}</c>'
    for text in (first, second, f"{first}\n{second}"):
        assert allows(calls, text)
    for text in ("", "hello", f"{first}{second}", f"{first}\n{first}\n{first}", first[:-1]):
        assert not allows(calls, text)
    assert not allows(calls, first.replace('"name":"x"', ""))


def test_tools_too_large_for_a_grammar_may_be_called_with_anything() -> None:
    huge = json.dumps({"enum": ["x" * 40 + str(number) for number in range(1900)]})
    many = tuple(Alternative(f"t{index}:", huge, ";") for index in range(60))
    converted = grammar_of(Constraint("calls", calls=CallGrammar(many)))
    assert converted.warnings
    assert allows(Constraint("calls", calls=CallGrammar(many)), 't7:{"any":1};')


def test_calls_without_a_tool_are_refused() -> None:
    with pytest.raises(InvalidInput):
        grammar_of(Constraint("calls", calls=CallGrammar(())))
