import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest

from puna.api import native as wire
from puna.api.decoding import decode
from puna.api.gojson import dumps
from puna.chat.events import (
    Event,
    Finished,
    TextDelta,
    ThinkingDelta,
    TokenLogprob,
    ToolCallEvent,
    Usage,
)
from puna.chat.messages import Message, Think, ToolCall
from puna.server.translate import native
from puna.server.translate.moulds import MARK
from puna.server.translate.native import ChatShape, GenerateShape, Piece, Shape
from puna.services.requests import Answer, Closing, PromptRead, Rendered

USAGE = Usage(prompt_tokens=8, completion_tokens=5, prompt_ns=10, completion_ns=20, context=(1, 2))
END = Finished("stop", USAGE)
CALL = ToolCallEvent(ToolCall("f", {"b": 1, "a": 2}, "call_1", 0))
METRICS = ["total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"]  # fmt: skip


async def stream(*events: Answer) -> AsyncGenerator[Answer, None]:
    for event in events:
        yield event


async def lines(shape: Shape, *events: Answer) -> list[dict[str, Any]]:
    return [json.loads(line) async for line in native.lines(stream(*events), shape, 7)]


async def test_a_chat_stream_has_a_line_per_event_and_metrics_last() -> None:
    found = await lines(ChatShape("m", 0), TextDelta("a"), ThinkingDelta("b"), CALL, Closing(), END)
    assert [line["message"] for line in found] == [
        {"role": "assistant", "content": "a"},
        {"role": "assistant", "content": "", "thinking": "b"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "call_1",
                    "function": {"index": 0, "name": "f", "arguments": {"b": 1, "a": 2}},
                }
            ],
        },
        {"role": "assistant", "content": ""},
    ]
    assert list(found[-1]) == ["model", "created_at", "message", "done", "done_reason", *METRICS]
    assert [line["done"] for line in found] == [False, False, False, True]


@pytest.mark.parametrize("text", ["", "a", '"', "<b> & \u2028\n", MARK, "\U0001f600"])
@pytest.mark.parametrize("shape", [ChatShape, GenerateShape])
def test_a_line_of_text_is_what_a_chunk_would_be(shape: type[ChatShape], text: str) -> None:
    made = shape(f"m{MARK}", 0)
    (found,) = made.text(text).splitlines()
    chunk = {**made.chunk(Piece(text)), "created_at": json.loads(found)["created_at"]}
    assert found == dumps(chunk)
    assert made.text("next") != made.text(text)


async def test_what_was_held_back_is_in_the_last_line() -> None:
    found = await lines(ChatShape("m", 0), TextDelta("a"), Closing(), TextDelta("{"), CALL, END)
    assert len(found) == 2
    assert found[1]["message"]["content"] == "{"
    assert found[1]["message"]["tool_calls"][0]["id"] == "call_1"


async def test_generate_reports_context_and_puts_logprobs_last() -> None:
    logprob = TokenLogprob("a", -0.5, (97,), (("a", -0.5), ("é", -1.0)))
    found = await lines(GenerateShape("m", 0), TextDelta("a", (logprob,)), Closing(), TextDelta("", (logprob,)), END)  # fmt: skip
    assert list(found[0]) == ["model", "created_at", "response", "done", "logprobs"]
    assert list(found[1])[3:] == ["done", "done_reason", "context", *METRICS, "logprobs"]
    assert found[0]["logprobs"][0]["top_logprobs"][1] == {
        "token": "é",
        "logprob": -1.0,
        "bytes": [195, 169],
    }


async def test_the_last_line_tells_of_a_prompt_that_was_cut() -> None:
    usage = Usage(prompt_tokens=8, prompt_tokens_total=20, dropped_messages=3)
    (line,) = await lines(ChatShape("m", 0), Closing(), Finished("stop", usage))
    assert line["truncated"] is True
    assert (line["prompt_tokens_total"], line["dropped_messages"]) == (20, 3)


async def test_the_reading_of_the_prompt_has_lines_of_its_own() -> None:
    (line, *_) = await lines(ChatShape("m", 0), PromptRead(512, 2000), Closing(), END)
    assert line["message"] == {"role": "assistant", "content": ""}
    assert line["prompt_progress"] == {"processed": 512, "total": 2000}


async def test_a_whole_answer_is_joined() -> None:
    events: list[Event] = [ThinkingDelta("t"), TextDelta("a"), TextDelta("b"), CALL, END]
    piece, finished = await native.collected(stream(*events))
    body = ChatShape("m", 0).final(piece, finished, 0)
    assert body["message"]["content"] == "ab"
    assert body["message"]["thinking"] == "t"
    assert body["load_duration"] == 1


def test_special_answers() -> None:
    load = Finished("load", Usage())
    assert list(ChatShape("m", 0).special(load)) == [
        "model",
        "created_at",
        "message",
        "done",
        "done_reason",
    ]
    assert GenerateShape("m", 0).special(load)["response"] == ""
    debug = GenerateShape("m", 0).special(Rendered("text", 2))["_debug_info"]
    assert debug == {"rendered_template": "text", "image_count": 2}


def test_a_chat_request_keeps_what_was_sent() -> None:
    body = decode(
        wire.ChatRequest,
        {
            "model": "m",
            "messages": [
                {"role": "USER", "content": "hi", "images": ["aGk="]},
                {
                    "role": "assistant",
                    "tool_calls": [{"function": {"name": "f", "arguments": {"a": 1}}}],
                },
            ],
            "tools": [{"type": "function", "function": {"name": "f", "x": 1}}],
            "think": "high",
            "shift": False,
            "keep_alive": "5m",
        },
    )
    request = native.chat_request(body)
    assert request.messages[0] == Message("user", "hi", images=(b"hi",))
    assert request.messages[1].tool_calls == (ToolCall("f", {"a": 1}),)
    assert request.tools[0].raw["function"]["x"] == 1
    assert request.controls.think == Think(True, "high")
    assert (request.controls.truncate, request.controls.shift) == (True, False)
    assert request.controls.keep_alive == 300


def test_a_generate_request_keeps_what_was_sent() -> None:
    body = decode(wire.GenerateRequest, {"prompt": "p", "suffix": "s", "context": [1], "raw": True, "_debug_render_only": True})  # fmt: skip
    request = native.generate_request(body)
    assert (request.prompt, request.suffix, request.context, request.raw) == ("p", "s", (1,), True)
    assert request.controls.render_only


def test_only_lines_of_a_stream_have_to_stay_apart() -> None:
    def apart(**stream: bool) -> bool:
        body = decode(wire.GenerateRequest, {"model": "m", "prompt": "Hi", **stream})
        return native.generate_request(body).controls.apart

    assert apart()
    assert apart(stream=True)
    assert not apart(stream=False)
