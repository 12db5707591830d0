from typing import Any

import pytest

from puna.api import openai as wire
from puna.api.decoding import decode
from puna.chat.messages import Message, Think, ToolCall
from puna.errors import InvalidInput
from puna.server.translate import openai_messages as parts


def messages(*items: dict[str, Any]) -> tuple[Message, ...]:
    return parts.messages(decode(wire.ChatCompletionRequest, {"messages": list(items)}).messages)


def test_a_text_is_one_message() -> None:
    assert messages({"role": "Developer", "content": "x"}) == (Message("developer", "x"),)


def test_each_part_is_a_message_of_its_own() -> None:
    found = messages(
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}},
                {"type": "image_url", "image_url": "data:;base64,aGk="},
                {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}},
            ],
        }
    )
    assert found[0] == Message("user", "a")
    assert [message.images for message in found[1:]] == [(b"hi",)] * 3


def test_a_tool_result_finds_the_name_of_its_call() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    found = messages(
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "sun"}]},
        {"role": "tool", "name": "g", "content": "rain"},
    )
    assert found[0].tool_calls == (ToolCall("f", {"a": 1}, "c1", 0),)
    assert (found[1].tool_name, found[1].tool_call_id) == ("f", "c1")
    assert found[2].tool_name == "g"


def test_reasoning_of_earlier_answers_is_kept() -> None:
    assert messages({"role": "assistant", "content": "b", "reasoning": "R"})[0].thinking == "R"


def image(url: Any) -> dict[str, Any]:
    return {"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}


@pytest.mark.parametrize(
    ("item", "text"),
    [
        ({"role": "user"}, "invalid message content type: <nil>"),
        ({"role": "user", "content": 5}, "invalid message content type: float64"),
        ({"role": "user", "content": {}}, "invalid message content type: map[string]interface {}"),
        ({"role": "user", "content": [5]}, "invalid message format"),
        ({"role": "user", "content": [{"type": "text"}]}, "invalid message format"),
        ({"role": "user", "content": [{"type": "video"}]}, "invalid message format"),
        (image("https://x.example/i.png"), "image URLs are not currently supported, please use base64 encoded data instead"),
        (image("file:///etc/passwd"), "invalid image input"),
        (image("data:image/png;base64,!!"), "invalid image input"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, "invalid input_audio format"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}, "invalid input_audio format: missing data"),
        ({"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "!!"}}]}, "invalid input_audio base64 data: illegal base64 data at input byte 0"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{oops"}}]}, "invalid tool call arguments"),
        ({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "[]"}}]}, "invalid tool call arguments"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused_in_ollamas_words(item: dict[str, Any], text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        messages(item)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("levels", "think"),
    [
        (("", ""), None),
        (("none", "high"), Think(False)),
        (("", "minimal"), Think(True, "low")),
        (("xhigh",), Think(True, "max")),
    ],
)
def test_effort_says_how_much_to_think(levels: tuple[str, ...], think: Think | None) -> None:
    assert parts.effort(*levels) == think


def test_an_unknown_effort_is_refused() -> None:
    with pytest.raises(InvalidInput, match='invalid reasoning value: "zzz"'):
        parts.effort("zzz")


@pytest.mark.parametrize(
    ("value", "texts"), [(None, []), ("a", ["a"]), ([5, "a"], ["a"]), (5, []), ({}, [])]
)
def test_stop_texts_are_taken_from_text_or_list(value: Any, texts: list[str]) -> None:
    assert parts.stop_texts(value) == texts
