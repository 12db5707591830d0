"""What a chat completion's chunks hold, whichever way they are written."""

import json
from collections.abc import AsyncGenerator
from typing import Any

from puna.chat.events import Finished, TextDelta, ThinkingDelta, TokenLogprob, Usage
from puna.server.translate.moulds import MARK
from puna.server.translate.openai import DONE, ChatCompletions
from puna.services.requests import Answer

END = Finished("stop", Usage())


async def chunks(shape: ChatCompletions, *answers: tuple[int, Answer]) -> list[dict[str, Any]]:
    async def stream() -> AsyncGenerator[tuple[int, Answer], None]:
        for answer in answers:
            yield answer

    *events, done = [event async for event in shape.events(stream())]
    assert done == DONE
    assert all(event.startswith(b"data: ") and event.endswith(b"\n\n") for event in events)
    return [json.loads(event[len(b"data: ") :]) for event in events]


async def test_later_chunks_of_text_have_all_that_the_first_one_has_but_the_role() -> None:
    texts = ["a", "b", '"<&', MARK, "c"]
    found = await chunks(
        ChatCompletions(f"m{MARK}"), *((0, TextDelta(text)) for text in texts), (0, END)
    )
    assert [chunk["choices"][0]["delta"].get("content") for chunk in found] == [*texts, None]
    assert [chunk["choices"][0]["delta"].get("role") for chunk in found[:-1]] == [
        "assistant",
        *[None] * 4,
    ]
    heads = [{**chunk, "choices": []} for chunk in found]
    assert all(head == heads[0] for head in heads)
    assert heads[0]["model"] == f"m{MARK}"


async def test_choices_are_told_apart() -> None:
    found = await chunks(
        ChatCompletions("m", choices=2),
        *[(index, TextDelta(f"{index}{turn}")) for turn in range(3) for index in range(2)],
        (0, END),
        (1, END),
    )
    told = [(chunk["choices"][0]["index"], chunk["choices"][0]["delta"]) for chunk in found[:6]]
    assert [(index, delta["content"]) for index, delta in told] == [
        (index, f"{index}{turn}") for turn in range(3) for index in range(2)
    ]


async def test_text_with_probabilities_or_without_anything_is_no_plain_text() -> None:
    probable = TextDelta("b", (TokenLogprob("b", -1.0),))
    found = await chunks(
        ChatCompletions("m"),
        (0, TextDelta("a")),
        (0, probable),
        (0, TextDelta("")),
        (0, ThinkingDelta("c")),
        (0, END),
    )
    assert len(found) == 4
    assert found[1]["choices"][0]["logprobs"]["content"][0]["logprob"] == -1.0
    assert found[2]["choices"][0]["delta"] == {"content": "", "reasoning": "c"}
