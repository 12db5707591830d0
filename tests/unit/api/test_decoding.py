import time
from typing import Any

import pytest

from puna.api import anthropic, completions, native, openai, responses
from puna.api.decoding import WireModel, decode
from puna.api.gojson import loads
from puna.errors import InvalidInput


def tool(parameters: dict[str, Any]) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": {"name": "f", "parameters": parameters}}]}


ERRORS: list[tuple[type[WireModel], Any, str]] = [
    (native.GenerateRequest, [], "array into Go value of type api.GenerateRequest"),
    (native.GenerateRequest, {"model": 1}, "number into Go struct field GenerateRequest.model of type string"),
    (native.PullRequest, {"username": 1}, "number into Go struct field PullRequest.username of type string"),
    (native.PushRequest, {"password": []}, "array into Go struct field PushRequest.password of type string"),
    (native.GenerateRequest, {"options": []}, "array into Go struct field GenerateRequest.options of type map[string]interface {}"),
    (native.GenerateRequest, {"context": "1"}, "string into Go struct field GenerateRequest.context of type []int"),
    (native.GenerateRequest, {"context": ["1"]}, "string into Go struct field GenerateRequest.context of type int"),
    (native.GenerateRequest, {"images": "abc"}, "string into Go struct field GenerateRequest.images of type []api.ImageData"),
    (native.GenerateRequest, {"logprobs": 5}, "number into Go struct field GenerateRequest.logprobs of type bool"),
    (native.GenerateRequest, {"stream": {}}, "object into Go struct field GenerateRequest.stream of type bool"),
    (native.ChatRequest, {"messages": [{"content": 5}]}, "number into Go struct field ChatRequest.messages.content of type string"),
    (native.ChatRequest, {"tools": {}}, "object into Go struct field ChatRequest.tools of type api.Tools"),
    (native.CreateRequest, {"files": "x"}, "string into Go struct field CreateRequest.files of type map[string]string"),
    (native.GenerateRequest, {"stream": 5.5}, "number into Go struct field GenerateRequest.stream of type bool"),
    (native.GenerateRequest, {"images": [{}]}, "object into Go struct field GenerateRequest.images of type api.ImageData"),
    (native.GenerateRequest, {"images": [[1, 256]]}, "number 256 into Go struct field GenerateRequest.images of type uint8"),
    (native.ChatRequest, {"messages": [5]}, "number into Go struct field ChatRequest.messages of type api.Alias"),
    (native.ChatRequest, {"messages": [{"tool_calls": [{"id": 5}]}]}, "number into Go struct field ChatRequest.messages.tool_calls.id of type string"),
    (native.ChatRequest, {"stream": "x", "messages": [{"content": 5}]}, "number into Go struct field ChatRequest.messages.content of type string"),
    (native.ChatRequest, {"model": 1, "stream": "x"}, "number into Go struct field ChatRequest.model of type string"),
    (completions.CompletionRequest, {"model": [], "prompt": [None]}, "array into Go struct field CompletionRequest.model of type string"),
    (completions.CompletionRequest, {"prompt": [None]}, "array into Go struct field CompletionRequest.prompt of type string"),
    (native.ChatRequest, {"tools": [5]}, "number into Go struct field ChatRequest.tools of type api.Tool"),
    (native.ChatRequest, {"tools": [{"type": 5}]}, "number into Go struct field Tool.tools.type of type string"),
    (native.ChatRequest, tool({"required": "a"}), "string into Go struct field ToolFunctionParameters.tools.function.parameters.required of type []string"),
    (native.ChatRequest, tool({"properties": {"a": 5}}), "number into Go struct field ToolFunctionParameters.tools.function.parameters.properties of type api.ToolProperty"),
    (native.ChatRequest, tool({"properties": {"a": {"type": [5]}}}), "number into Go struct field ToolFunctionParameters.tools.function.parameters.properties.type of type string"),
    (native.ChatRequest, tool({"properties": {"a": {"anyOf": [{"type": 5}]}}}), "number into Go struct field ToolFunctionParameters.tools.function.parameters.properties.anyOf.type of type []string"),
    (anthropic.MessagesRequest, {"messages": [{"content": 5}]}, "number into Go struct field MessagesRequest.messages of type []anthropic.ContentBlock"),
    (anthropic.MessagesRequest, {"messages": [{"content": [{"text": 5}]}]}, "number into Go struct field MessagesRequest.messages.text of type string"),
    (anthropic.MessagesRequest, {"thinking": {"type": 5}}, "number into Go struct field ThinkingConfig.thinking.type of type string"),
    (responses.ResponsesRequest, {"reasoning": {"effort": 5}}, "number into Go struct field ResponsesReasoning.reasoning.effort of type string"),
    (openai.ChatCompletionRequest, {"max_tokens": 3.5}, "number 3.5 into Go struct field ChatCompletionRequest.max_tokens of type int"),
    (openai.ChatCompletionRequest, {"temperature": "hot"}, "string into Go struct field ChatCompletionRequest.temperature of type float64"),
    (openai.ChatCompletionRequest, {"messages": "x"}, "string into Go struct field ChatCompletionRequest.messages of type []openai.Message"),
    (openai.ChatCompletionRequest, {"messages": ["x"]}, "string into Go struct field ChatCompletionRequest.messages of type openai.Message"),
    (
        openai.ChatCompletionRequest,
        {"messages": [{"tool_calls": [{"function": {"arguments": {}}}]}]},
        "object into Go struct field .messages.tool_calls.function.arguments of type string",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("model", "value", "text"), ERRORS, ids=[case[2][:50] for case in ERRORS])
def test_a_wrong_type_is_refused_in_gos_words(
    model: type[WireModel], value: Any, text: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        decode(model, value)
    assert str(caught.value) == f"json: cannot unmarshal {text}"


@pytest.mark.parametrize(
    ("model", "value", "text"),
    [
        (native.ChatRequest, {"stream": "x", "think": 5}, "think must be a boolean or string"),
        (native.ChatRequest, tool({"properties": []}), "Value looks like object, but can't find"),
        (anthropic.MessagesRequest, {"messages": [{}]}, "unexpected end of JSON input"),
    ],
)
def test_a_reader_of_its_own_has_the_first_word(
    model: type[WireModel], value: Any, text: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{text}"):
        decode(model, value)


def test_a_tool_is_handed_on_with_all_its_keywords() -> None:
    body = tool({"properties": {"a": {"type": "string", "minLength": 3}}, "strict": True})
    assert decode(native.ChatRequest, body).tools == body["tools"]


def test_keys_of_tools_are_read_without_regard_to_case() -> None:
    shaped = {
        "TYPE": "object",
        "Properties": {"City": {"Type": "string", "ANYOF": [{"Enum": [1]}]}},
    }
    given = {"Function": {"NAME": "f", "Parameters": shaped, "Strict": True}}
    (found,) = decode(native.ChatRequest, {"tools": [given]}).tools
    parameters = {
        "type": "object",
        "properties": {"City": {"type": "string", "anyOf": [{"enum": [1]}]}},
    }
    assert found == {"function": {"name": "f", "parameters": parameters, "Strict": True}}


def test_names_match_without_regard_to_case_and_unknown_ones_are_ignored() -> None:
    body = decode(native.ChatRequest, {"MODEL": "m", "Messages": [{"Role": "user"}], "zzz": 1})
    assert body.model == "m"
    assert body.messages[0].role == "user"


def test_null_is_as_good_as_absent() -> None:
    body = decode(native.ChatRequest, {"model": None, "messages": None, "stream": None})
    assert (body.model, body.messages, body.stream) == ("", [], None)
    assert decode(native.ChatRequest, None).messages == []


def test_null_in_a_list_is_the_empty_value() -> None:
    assert decode(native.GenerateRequest, {"context": [1, None]}).context == [1, 0]


def test_a_prompt_that_is_too_long_may_be_an_error_by_name() -> None:
    for value, meant in (("error", False), (False, False), (True, True), (None, None)):
        assert decode(native.ChatRequest, {"truncate": value}).truncate is meant
    with pytest.raises(InvalidInput, match=r"EmbedRequest\.truncate of type bool"):
        decode(native.EmbedRequest, {"truncate": "yes"})


def test_two_requests_share_no_default() -> None:
    first, second = decode(native.ChatRequest, {}), decode(native.ChatRequest, {})
    assert first.messages is not second.messages


def test_an_alias_is_the_name_on_the_wire() -> None:
    assert decode(native.CreateRequest, {"from": "x"}).from_ == "x"
    assert decode(native.ChatRequest, {"_debug_render_only": True}).debug_render_only


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**3000], ids=["above", "below", "huge"])
def test_a_number_beyond_64_bits_is_refused(number: int) -> None:
    with pytest.raises(InvalidInput, match="of type int"):
        decode(native.GenerateRequest, {"top_logprobs": number})


def test_a_number_beyond_32_bits_is_refused_where_a_float_has_no_more() -> None:
    assert decode(completions.CompletionRequest, {"temperature": 3.4e38}).temperature == 3.4e38
    with pytest.raises(InvalidInput, match=r"number 3\.5e\+38 .* of type float32$"):
        decode(completions.CompletionRequest, {"temperature": 3.5e38})


def test_an_integer_is_good_for_a_float() -> None:
    body = decode(openai.ChatCompletionRequest, {"temperature": 1})
    assert isinstance(body.temperature, float)


def test_null_in_a_list_or_a_map_is_the_empty_value() -> None:
    chat = decode(native.ChatRequest, {"messages": [None], "tools": [None]})
    assert chat.messages == [native.Message()]
    assert chat.tools == [{}]
    assert decode(native.CreateRequest, {"files": {"a": None}}).files == {"a": ""}
    found = decode(openai.ChatCompletionRequest, {"messages": [{"tool_calls": [None]}]})
    assert found.messages[0].tool_calls == [openai.ToolCall()]


def read(model: type[WireModel], body: str) -> Any:
    return decode(model, loads(body.encode()))


def test_of_two_values_for_a_field_the_later_holds_however_it_is_spelt() -> None:
    for body in (
        '{"model":"a","model":"b"}',
        '{"model":"a","MODEL":"b"}',
        '{"MODEL":"c","model":"a","Model":"b"}',
        '{"model":"c","MODEL":"a","model":"b"}',
    ):
        assert read(native.ChatRequest, body).model == "b"


def test_names_match_by_gos_folding() -> None:
    body = read(native.GenerateRequest, '{"\u017fy\u017ftem":"s","\u212aeep_alive":5}')
    assert (body.system, body.keep_alive) == ("s", 5)


def test_the_later_of_two_objects_is_read_into_the_earlier() -> None:
    body = read(
        openai.ChatCompletionRequest,
        '{"response_format":{"type":"json_schema","json_schema":{"schema":{"a":1}}},'
        '"response_format":{"json_schema":{"name":"n"}},"options":{"a":1,"b":2},'
        '"options":{"b":{"x":1}}, "options":{"b":{"y":1}}}',
    )
    assert body.response_format.type == "json_schema"
    assert body.response_format.json_schema == {"schema": {"a": 1}, "name": "n"}
    assert body.options == {"a": 1, "b": {"y": 1}}


def test_the_later_of_two_lists_of_plain_objects_is_read_into_the_earlier() -> None:
    body = read(
        openai.ChatCompletionRequest,
        '{"messages":[{"role":"user","content":"a"},{"role":"user"}],"messages":[{"content":"b"}]}',
    )
    assert body.messages == [openai.Message(role="user", content="b")]


def test_what_a_reader_of_its_own_read_before_is_forgotten() -> None:
    body = read(
        native.ChatRequest,
        '{"messages":[{"role":"user","content":"a"}],"messages":[{"content":"b"}],'
        '"format":{"a":1},"format":{"b":1}}',
    )
    assert body.messages == [native.Message(content="b")]
    assert body.format == {"b": 1}


def test_a_body_costs_no_more_than_its_size_however_often_a_field_stands_in_it() -> None:
    nested = '{"type":"string"}'
    for _ in range(40):
        nested = f'{{"anyOf":[{nested}],"anyOf":[{{}}]}}'
    parameters = f'{{"properties":{{"a":{nested}}}}}'
    many = ",".join(f'"options":{{"o{number}":1}}' for number in range(30_000))
    began = time.process_time()
    deep = read(native.ChatRequest, f'{{"tools":[{{"function":{{"parameters":{parameters}}}}}]}}')
    wide = read(native.ChatRequest, f"{{{many}}}")
    assert time.process_time() - began < 5
    assert deep.tools
    assert len(wide.options) == 30_000


def test_tools_that_are_nested_too_deeply_are_refused() -> None:
    properties: dict[str, Any] = {}
    for _ in range(2_000):
        properties = {"a": {"properties": properties}}
    with pytest.raises(InvalidInput, match=r"^exceeded max depth$"):
        decode(native.ChatRequest, tool({"properties": properties}))


def test_null_takes_back_what_can_be_absent_and_nothing_else() -> None:
    body = read(
        native.ChatRequest,
        '{"model":"m","model":null,"stream":false,"stream":null,"options":{"a":1},"options":null,'
        '"think":true,"think":null,"logprobs":true,"logprobs":null}',
    )
    assert (body.model, body.stream, body.options) == ("m", None, {})
    assert (body.think, body.logprobs) == (None, True)


def test_a_wrong_type_is_a_fault_also_where_a_right_one_follows() -> None:
    with pytest.raises(InvalidInput, match="number into Go struct field"):
        read(native.ChatRequest, '{"model":1,"model":"m"}')


@pytest.mark.parametrize("number", ["1e3", "1.0", "1E+2", "3.50", "-0.0", "1e999", "9" * 5000])
def test_a_number_is_quoted_as_it_was_written(number: str) -> None:
    value = loads(f'{{"top_logprobs":{number}}}'.encode(), exact=True)
    with pytest.raises(InvalidInput) as caught:
        decode(native.GenerateRequest, value)
    field = "Go struct field GenerateRequest.top_logprobs of type int"
    assert str(caught.value) == f"json: cannot unmarshal number {number} into {field}"


def test_numbers_as_they_were_written_fit_where_they_fit_otherwise() -> None:
    body = loads(b'{"temperature":1e0,"top_p":0.50,"seed":7}', exact=True)
    found = decode(openai.ChatCompletionRequest, body)
    assert (found.temperature, found.top_p, found.seed) == (1.0, 0.5, 7)
