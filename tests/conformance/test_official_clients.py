"""The released SDKs of Ollama, OpenAI and Anthropic against a server of ours.

The models are scripted: what is tested is that each SDK understands every
answer, not what the answer says.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

anthropic = pytest.importorskip("anthropic")
ollama = pytest.importorskip("ollama")
openai = pytest.importorskip("openai")

pytestmark = pytest.mark.conformance

SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
    "additionalProperties": False,
}
FUNCTION = {"name": "get_weather", "description": "Weather now", "parameters": SCHEMA}
TOOLS = [{"type": "function", "function": FUNCTION}]
ANTHROPIC_TOOLS = [{"name": "get_weather", "input_schema": SCHEMA}]


def asked(script: str) -> list[Any]:
    """A conversation that makes a model say a script."""
    return [{"role": "user", "content": f"<|{script}|>"}]


# ---------------------------------------------------------------- Ollama


@pytest.fixture
def native(serving: Any) -> Iterator[Any]:
    client = ollama.Client(serving.url)
    yield client
    client._client.close()


def test_ollama_streams_what_it_gets_whole(native: Any) -> None:
    whole = native.chat("tiny", asked("text"))
    pieces = list(native.chat("tiny", asked("text"), stream=True))
    assert whole.message.content == "Hello there friend."
    assert "".join(piece.message.content for piece in pieces) == whole.message.content
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert pieces[-1].eval_count == whole.eval_count


def test_ollama_gets_thinking_and_calls(native: Any) -> None:
    thought = native.chat("tiny-think", asked("think"), think=True).message
    assert (thought.thinking, thought.content) == ("I ponder deeply.", "Forty two")
    (call,) = native.chat("tiny-tools", asked("tool"), tools=TOOLS).message.tool_calls
    assert (call.function.name, call.function.arguments) == ("get_weather", {"city": "Paris"})


def test_ollama_manages_models(native: Any) -> None:
    native.copy("tiny", "second")
    names = {model.model for model in native.list().models}
    assert {"tiny:latest", "second:latest"} <= names
    assert native.show("second").details.format == "gguf"
    assert native.delete("second").status == "success"
    with pytest.raises(ollama.ResponseError) as caught:
        native.show("second")
    assert caught.value.status_code == 404


def test_ollama_embeds(native: Any) -> None:
    vectors = native.embed("tiny", ["one", "two"]).embeddings
    assert len(vectors) == 2
    assert sum(value * value for value in vectors[0]) == pytest.approx(1, abs=1e-3)


# ---------------------------------------------------------------- OpenAI


@pytest.fixture
def open_ai(serving: Any) -> Iterator[Any]:
    with openai.OpenAI(base_url=f"{serving.url}/v1", api_key="none", max_retries=0) as client:
        yield client


def test_openai_completes_chats(open_ai: Any) -> None:
    answer = open_ai.chat.completions.create(model="tiny", messages=asked("text"))
    assert answer.choices[0].message.content == "Hello there friend."
    assert answer.usage.total_tokens > answer.usage.completion_tokens > 0


def test_openai_makes_several_choices_at_once(open_ai: Any) -> None:
    stream = open_ai.chat.completions.create(
        model="tiny", messages=asked("text"), n=3, seed=1, stream=True
    )
    texts = {0: "", 1: "", 2: ""}
    for chunk in stream:
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert set(texts.values()) == {"Hello there friend."}


def test_openai_puts_calls_together_from_their_pieces(open_ai: Any) -> None:
    name, arguments, count = "", "", 0
    for chunk in open_ai.chat.completions.create(
        model="tiny-tools", messages=asked("tool"), tools=TOOLS, stream=True
    ):
        for part in chunk.choices[0].delta.tool_calls or []:
            name += part.function.name or ""
            arguments += part.function.arguments
            count += 1
    assert (name, json.loads(arguments)) == ("get_weather", {"city": "Paris"})
    assert count > 1


@pytest.mark.parametrize("model", ["tiny", "tiny-tools", "tiny-think"])
@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_openai_can_require_a_call_of_any_model(open_ai: Any, model: str, choice: Any) -> None:
    answer = open_ai.chat.completions.create(
        model=model, messages=asked("text"), tools=TOOLS, tool_choice=choice, max_tokens=120
    )
    message = answer.choices[0].message
    assert answer.choices[0].finish_reason in ("tool_calls", "length")
    for call in message.tool_calls or []:
        assert call.function.name == "get_weather"
        assert isinstance(json.loads(call.function.arguments)["city"], str)
    assert message.content in ("", None) or answer.choices[0].finish_reason == "length"


def test_openai_is_told_of_choices_that_cannot_be(open_ai: Any) -> None:
    for wrong in ("maybe", {"type": "function", "function": {"name": "nobody"}}):
        with pytest.raises(openai.BadRequestError):
            open_ai.chat.completions.create(
                model="tiny-tools", messages=asked("text"), tools=TOOLS, tool_choice=wrong
            )


def test_every_openai_route_takes_a_window(open_ai: Any) -> None:
    more = {"model": "tiny", "extra_body": {"num_ctx": 10**9}}
    with pytest.raises(openai.BadRequestError, match="num_ctx"):
        open_ai.completions.create(prompt="<|text|>", **more)
    with pytest.raises(openai.BadRequestError, match="num_ctx"):
        open_ai.responses.create(input="<|text|>", **more)
    with pytest.raises(openai.BadRequestError, match="num_ctx"):
        open_ai.chat.completions.create(messages=asked("text"), **more)


def test_openai_embeds_texts_and_tokens(open_ai: Any) -> None:
    found = open_ai.embeddings.create(model="tiny", input=[[5, 6], [7]])
    assert [item.index for item in found.data] == [0, 1]
    with pytest.raises(openai.BadRequestError):
        open_ai.embeddings.create(model="tiny", input="")


def test_openai_reads_the_events_of_a_response(open_ai: Any) -> None:
    with open_ai.responses.stream(model="tiny", input="<|text|>") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert final.output_text == "Hello there friend."


def test_openai_gets_errors_as_its_own_classes(open_ai: Any) -> None:
    with pytest.raises(openai.NotFoundError):
        open_ai.chat.completions.create(model="nobody", messages=asked("text"))
    with pytest.raises(openai.BadRequestError):
        open_ai.chat.completions.create(model="tiny", messages=asked("text"), n=9)


# ---------------------------------------------------------------- Anthropic


@pytest.fixture
def claude(serving: Any) -> Iterator[Any]:
    with anthropic.Anthropic(base_url=serving.url, api_key="none", max_retries=0) as client:
        yield client


def test_anthropic_gets_messages(claude: Any) -> None:
    found = claude.messages.create(model="tiny", max_tokens=50, messages=asked("text"))
    assert found.content[0].text == "Hello there friend."
    assert found.stop_reason == "end_turn"
    counted = claude.messages.count_tokens(model="tiny", messages=asked("text"))
    assert counted.input_tokens == found.usage.input_tokens


def test_anthropic_puts_calls_together_from_their_pieces(claude: Any) -> None:
    with claude.messages.stream(
        model="tiny-tools", max_tokens=50, messages=asked("tool"), tools=ANTHROPIC_TOOLS
    ) as stream:
        final = stream.get_final_message()
    (block,) = final.content
    assert (block.type, block.name, block.input) == ("tool_use", "get_weather", {"city": "Paris"})
    assert final.stop_reason == "tool_use"


def test_anthropic_gets_an_answer_of_the_form_it_asks_for(claude: Any) -> None:
    forms = [{"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}}]
    forms.append({"output_format": {"type": "json_schema", "schema": SCHEMA}})
    for form in forms:
        found = claude.messages.create(
            model="tiny", max_tokens=200, messages=asked("text"), extra_body=form
        )
        text = found.content[0].text
        assert text.lstrip().startswith("{")
    with pytest.raises(anthropic.BadRequestError):
        claude.messages.create(
            model="tiny",
            max_tokens=9,
            messages=asked("text"),
            extra_body={"output_format": {"type": "xml"}},
        )


def test_anthropic_gets_thoughts_with_a_signature(claude: Any) -> None:
    asking = {"model": "tiny-think", "max_tokens": 50, "messages": asked("think")}
    whole = claude.messages.create(**asking).content[0]
    with claude.messages.stream(**asking) as stream:
        streamed = stream.get_final_message().content[0]
    assert whole.signature == streamed.signature != ""


def test_anthropic_streams_thinking_apart(claude: Any) -> None:
    with claude.messages.stream(
        model="tiny-think",
        max_tokens=50,
        messages=asked("think"),
        thinking={"type": "enabled", "budget_tokens": 1024},
    ) as stream:
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text"]
