from typing import Any

import pytest

from puna.api.decoding import decode
from puna.api.responses import ResponsesRequest
from puna.chat.messages import Message
from puna.errors import InvalidInput
from puna.server.translate.responses import to_chat
from puna.server.translate.responses_answer import ResponseStream, whole
from puna.server.translate.responses_input import input_messages


def read_messages(value: Any) -> list[Message]:
    return input_messages(decode(ResponsesRequest, {"model": "m", "input": value}).input)


STRUCT = 'struct { Type string "json:\\"type\\"" }'
ERRORS: list[tuple[Any, str]] = [
    (5, "input must be a string or array: json: cannot unmarshal number into Go value of type []json.RawMessage"),
    ([{}], "input[0]: input item missing required 'type' field"),
    (["", {"type": 5}], "input[0]: json: cannot unmarshal string into Go value of type struct { Type string \"json:\\\"type\\\"\"; Role string \"json:\\\"role\\\"\" }"),
    ([{"role": 5}], "input[0]: json: cannot unmarshal number into Go struct field .role of type string"),
    ([{"type": "x"}], 'input[0]: unknown input item type: "x"'),
    ([{"role": "user", "content": 5}], "input[0]: content must be a string or array: json: cannot unmarshal number into Go value of type []json.RawMessage"),
    ([{"role": "user", "content": [5]}], f"input[0]: content[0]: json: cannot unmarshal number into Go value of type {STRUCT}"),
    ([{"role": "user", "content": [{"type": "x"}]}], "input[0]: content[0]: unknown content type: x"),
    ([{"role": "user", "content": [{"type": "input_text", "text": 5}]}], "input[0]: content[0]: json: cannot unmarshal number into Go struct field ResponsesTextContent.text of type string"),
    ([{"role": "user", "content": [{"type": "input_file"}]}], "file inputs are not currently supported"),
    ([{"role": "user", "content": [{"type": "input_file"}]}, {}], "input[1]: input item missing required 'type' field"),
    ([{"type": "function_call", "arguments": {}}], "input[0]: json: cannot unmarshal object into Go struct field ResponsesFunctionCall.arguments of type string"),
    ([{"type": "function_call", "arguments": "{"}], "failed to parse function call arguments: unexpected end of JSON input"),
    ([{"type": "function_call", "arguments": "[]"}], "failed to parse function call arguments: Value looks like object, but can't find closing '}' symbol"),
    ([{"type": "function_call", "arguments": "{} x"}], "failed to parse function call arguments: invalid character 'x' after top-level value"),
    ([{"type": "function_call_output", "output": 5}], "input[0]: output must be a string or array: json: cannot unmarshal number into Go value of type []json.RawMessage"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "text"), ERRORS, ids=[case[1][:60] for case in ERRORS])
def test_wrong_input_is_refused_in_ollamas_words(value: Any, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_messages(value)
    assert str(caught.value) == text


def test_a_fault_of_the_input_is_told_before_all_others() -> None:
    body = {"model": 5, "input": [{}], "stream": "yes", "text": {"format": "x"}}
    with pytest.raises(InvalidInput, match=r"^input\[0\]: input item missing"):
        decode(ResponsesRequest, body)


def test_calls_and_results_become_turns() -> None:
    calls = [
        {"type": "reasoning", "encrypted_content": "hm"},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call", "call_id": "2", "name": "g", "arguments": ""},
        {"type": "function_call_output", "call_id": "2", "output": [{"type": "input_text", "text": "r"}]},
    ]  # fmt: skip
    turn, result = read_messages(calls)
    assert turn.thinking == "hm"
    assert [(call.name, call.arguments, call.index) for call in turn.tool_calls] == [
        ("f", {"a": 1}, 0),
        ("g", {}, 1),
    ]
    assert result == Message("tool", "r", tool_name="g", tool_call_id="2")


def test_an_image_without_a_place_is_left_out() -> None:
    parts = [{"type": "input_image"}, {"type": "output_text", "text": "x"}]
    assert read_messages([{"role": "user", "content": parts}]) == [Message("user", "x")]


def test_the_tools_of_a_namespace_carry_its_name() -> None:
    inner = [{"type": "function", "name": "f"}, {"type": "function", "name": "n.g"}]
    body = {
        "model": "m",
        "input": "x",
        "tools": [{"type": "namespace", "name": "n", "tools": inner}],
    }
    tools = to_chat(decode(ResponsesRequest, body)).tools
    assert [tool.name for tool in tools] == ["n.f", "n.g"]


def test_parameters_of_a_tool_are_checked() -> None:
    tools = [{"type": "function", "name": "f", "parameters": {"required": "a"}}]
    body = decode(ResponsesRequest, {"model": "m", "input": "x", "tools": tools})
    with pytest.raises(InvalidInput, match=r"^failed to unmarshal tool parameters: json: cannot"):
        to_chat(body)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ({"effort": "low"}, {"effort": "low"}),
        ({"summary": "auto"}, {"summary": "auto"}),
        ({"effort": "low", "summary": "auto"}, {"effort": "low", "summary": "auto"}),
        ({}, None),
        (None, None),
    ],
)
def test_the_reasoning_that_was_asked_for_is_shown(asked: Any, shown: Any) -> None:
    request = decode(ResponsesRequest, {"model": "m", "input": "x", "reasoning": asked})
    assert whole(request, [], 0)["reasoning"] == shown
    started = ResponseStream(request).start()[0][1]["response"]["reasoning"]
    nothing = {"effort": None, "summary": None}
    assert started == (None if shown is None else nothing | shown)


def test_tools_are_shown_as_they_were_given() -> None:
    inner = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    given = [inner, {"type": "namespace", "name": "n", "tools": [inner]}]
    request = decode(ResponsesRequest, {"model": "m", "input": "x", "tools": given})
    shown = {**inner, "description": None, "strict": None}
    namespace = {"type": "namespace", "name": "n", "parameters": None, "tools": [shown]}
    assert whole(request, [], 0)["tools"] == [
        shown,
        {**namespace, "description": None, "strict": None},
    ]
