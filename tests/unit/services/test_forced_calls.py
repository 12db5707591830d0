from __future__ import annotations

import json
from pathlib import Path

import pytest

from puna.chat.messages import Message, Tool, ToolCall
from puna.chat.parsing import OutputFormat
from puna.errors import InvalidInput
from puna.gguf.header import Header
from puna.gguf.metadata import ModelInfo
from puna.runner.protocol import Template
from puna.services.forced_calls import described, forced, strict
from puna.services.profile import Profile
from puna.services.requests import ChatRequest, ToolChoice

WEATHER, ADD = (Tool({"function": {"name": name}}) for name in ("weather", "add"))


def profile(*capabilities: str, family: str = "") -> Profile:
    output = OutputFormat(family)
    metadata = {"general.architecture": "llama"}
    header = Header(3, metadata, (), 32, 0, 0, path=Path("model.gguf"), spans={})
    info = ModelInfo.from_header(header)
    return Profile(info, Template("go", ""), output, capabilities)


def request(choice: ToolChoice, *tools: Tool) -> ChatRequest:
    return ChatRequest("m", (Message("user", "hi"),), tools, tool_choice=choice)


def test_nothing_is_forced_unless_a_call_is_required() -> None:
    assert forced(request(ToolChoice(), WEATHER), profile("tools")) is None


@pytest.mark.parametrize(
    ("choice", "knows", "names", "most"),
    [
        (ToolChoice(required=True), True, ["weather", "add"], 8),
        (ToolChoice(required=True), False, ["weather", "add"], 1),
        (ToolChoice(required=True, parallel=False), True, ["weather", "add"], 1),
        (ToolChoice(required=True, name="add"), True, ["add"], 1),
    ],
)
def test_a_choice_decides_what_may_be_called_and_how_often(
    choice: ToolChoice, knows: bool, names: list[str], most: int
) -> None:
    known = profile(*(["tools"] if knows else []), family="hermes")
    found = forced(request(choice, WEATHER, ADD), known)
    assert found is not None
    befores = [option.before for option in found.grammar.alternatives]
    assert [name for name in ("weather", "add") if any(f'"{name}"' in b for b in befores)] == names
    assert found.grammar.most == most


@pytest.mark.parametrize(
    ("choice", "tools"),
    [
        (ToolChoice(required=True), ()),
        (ToolChoice(required=True), (Tool({}),)),
        (ToolChoice(required=True, name="sub"), (WEATHER, ADD)),
    ],
)
def test_a_choice_that_nothing_fits_is_refused(choice: ToolChoice, tools: tuple[Tool, ...]) -> None:
    with pytest.raises(InvalidInput, match="tool_choice"):
        forced(request(choice, *tools), profile("tools"))


def test_a_model_that_knows_no_tools_reads_of_them() -> None:
    history = (
        Message("user", "hi"),
        Message("assistant", tool_calls=(ToolCall("add", {"n": 1}),)),
        Message("tool", "2"),
    )
    asked = ChatRequest("m", history, (ADD,), tool_choice=ToolChoice(required=True))
    told = described(asked, "Be kind.")
    assert told.tools == ()
    assert [message.role for message in told.messages] == ["system", "user", "assistant", "user"]
    assert told.messages[0].content.startswith("Be kind.\n\n")
    assert '{"function":{"name":"add"}}' in told.messages[0].content
    assert '{"name":"add","arguments":{"n":1}}' in told.messages[2].content
    assert told.messages[3].content == "<tool_response>\n2\n</tool_response>"


def test_the_system_prompt_of_a_request_goes_before_that_of_the_model() -> None:
    asked = ChatRequest("m", (Message("system", "Mine."), Message("user", "hi")), (ADD,))
    told = described(asked, "The model's.")
    assert told.messages[0].content.startswith("Mine.\n\n")
    assert "The model's." not in told.messages[0].content


def test_only_strict_tools_are_held_to_their_schemas() -> None:
    schema = {"type": "object", "properties": {"n": {"enum": [1, 2]}}}
    held = Tool({"function": {"name": "held", "parameters": schema, "strict": True}})
    free = Tool({"function": {"name": "free", "parameters": schema}})
    known = profile("tools", family="hermes")
    assert strict(request(ToolChoice(), free), known) is None
    found = strict(request(ToolChoice(), held, free), known)
    assert found is not None
    assert (found.start, found.at_start) == ("<tool_call>", False)
    schemas = [json.loads(option.schema) for option in found.grammar.alternatives]
    assert schemas == [schema, {"type": "object"}]
    assert not any("<tool_call>" in option.before for option in found.grammar.alternatives)


def test_a_call_that_begins_as_json_does_is_held_where_it_comes_first() -> None:
    held = Tool({"function": {"name": "held", "strict": True}})
    found = strict(request(ToolChoice(), held), profile("tools", family="llama"))
    assert found is not None
    assert (found.start, found.at_start) == ('{"name": "', True)


@pytest.mark.parametrize("family", ["", "harmony"])
def test_a_call_that_nothing_tells_from_text_is_held_to_nothing(family: str) -> None:
    held = Tool({"function": {"name": "held", "strict": True}})
    assert strict(request(ToolChoice(), held), profile("tools", family=family)) is None
