import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from puna.api.completions import CompletionRequest
from puna.api.decoding import decode
from puna.chat.events import Finished, TextDelta, ThinkingDelta, Usage
from puna.errors import InvalidInput
from puna.server.translate.completions import Completions, generate_requests
from puna.services.requests import Answer


async def _answers(*answers: Answer) -> AsyncIterator[tuple[int, Answer]]:
    for answer in answers:
        yield 0, answer


def _streamed(*answers: Answer) -> list[Any]:
    async def collect() -> list[bytes]:
        return [event async for event in Completions("m").events(_answers(*answers))]

    lines = [event.removeprefix(b"data: ") for event in asyncio.run(collect())]
    return [json.loads(line)["choices"][0] for line in lines if line.startswith(b"{")]


def test_a_stream_shows_that_the_model_thinks_but_not_what() -> None:
    thought, text, end = _streamed(
        ThinkingDelta("hm"), TextDelta("Hello"), Finished("stop", Usage())
    )
    assert (thought["text"], thought["finish_reason"]) == ("", None)
    assert (text["text"], text["finish_reason"]) == ("Hello", None)
    assert (end["text"], end["finish_reason"]) == ("", "stop")


@pytest.mark.parametrize(
    ("item", "kind"),
    [(5, "float64"), (True, "bool"), (None, "<nil>"), ([], "[]interface {}"), ({}, "map[string]interface {}")],
)  # fmt: skip
def test_a_stop_that_is_no_text_is_refused_by_its_type(item: Any, kind: str) -> None:
    body = decode(CompletionRequest, {"model": "m", "prompt": "x", "stop": ["a", item]})
    with pytest.raises(InvalidInput) as caught:
        generate_requests(body)
    assert str(caught.value) == f"invalid type for 'stop' field: {kind}"
