from __future__ import annotations

from typing import Any

import pytest

from puna.errors import InvalidInput
from puna.server.pictures import MAX_PICTURES, with_pictures

URL = "https://example.com/a.png"
DATA = "data:;base64,Ynl0ZXM="


async def fetch(url: str) -> bytes:
    assert url == URL
    return b"bytes"


def chat(part: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [{"type": "text", "text": URL}, part]}]}


@pytest.mark.parametrize(
    ("part", "filled"),
    [
        ({"type": "image_url", "image_url": {"url": URL}}, {"type": "image_url", "image_url": {"url": DATA}}),
        ({"type": "image_url", "image_url": URL}, {"type": "image_url", "image_url": DATA}),
        ({"type": "image_url", "image_url": {"url": DATA}}, {"type": "image_url", "image_url": {"url": DATA}}),
        ({"type": "image", "source": {"type": "url", "url": URL}}, {"type": "image", "source": {"type": "base64", "data": "Ynl0ZXM="}}),
        (
            {"type": "tool_result", "content": [{"type": "image", "source": {"type": "url", "url": URL}}]},
            {"type": "tool_result", "content": [{"type": "image", "source": {"type": "base64", "data": "Ynl0ZXM="}}]},
        ),
    ],
)  # fmt: skip
async def test_an_address_gives_way_to_its_image(part: Any, filled: Any) -> None:
    assert await with_pictures(chat(part), fetch) == chat(filled)


async def test_every_dialect_has_its_place_for_images() -> None:
    responses = {"input": [{"content": [{"type": "input_image", "image_url": URL}]}]}
    (item,) = (await with_pictures(responses, fetch))["input"]
    assert item["content"][0]["image_url"] == DATA
    native = {"images": [URL], "messages": [{"role": "user", "content": URL, "images": [URL]}]}
    assert await with_pictures(native, fetch) == {
        "images": [DATA],
        "messages": [{"role": "user", "content": URL, "images": [DATA]}],
    }


@pytest.mark.parametrize("body", [None, [], "x", {"prompt": URL, "tools": [{"images": [URL]}]}])
async def test_other_places_are_left_alone(body: Any) -> None:
    assert await with_pictures(body, fetch) == body


async def test_one_request_fetches_a_few_images_only() -> None:
    with pytest.raises(InvalidInput, match="at most"):
        await with_pictures({"images": [URL] * (MAX_PICTURES + 1)}, fetch)
