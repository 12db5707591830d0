import gzip

import httpx2
import pytest

from puna.errors import RegistryError
from puna.registry.responses import (
    ContentRange,
    content_length,
    parse_content_range,
    read_bounded,
    read_start,
)


def answer(body: bytes, **headers: str) -> httpx2.Response:
    async def stream():
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return httpx2.Response(200, headers=named, content=stream())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes 0-9/10", ContentRange(0, 9, 10)),
        ("bytes 5-9/*", ContentRange(5, 9, None)),
        ("bytes 5-4/10", None),
        ("bytes 0-10/10", None),
        ("bytes */10", None),
        ("items 0-9/10", None),
        ("bytes 0-" + "9" * 100 + "/*", None),
        ("", None),
        (None, None),
    ],
)
def test_a_content_range_must_make_sense(value: str | None, expected: ContentRange | None):
    assert parse_content_range(value) == expected


async def test_a_body_within_the_limit_is_read():
    assert await read_bounded(answer(b"x" * 5000), 5000) == b"x" * 5000


async def test_a_longer_body_is_refused():
    with pytest.raises(RegistryError, match="longer than 4999 bytes"):
        await read_bounded(answer(b"x" * 5000), 4999)


async def test_a_promised_length_over_the_limit_is_refused_unread():
    with pytest.raises(RegistryError, match="longer than"):
        await read_bounded(answer(b"", Content_Length="1000000"), 5000)


async def test_a_compressed_body_is_refused():
    body = gzip.compress(b" " * 1_000_000)
    with pytest.raises(RegistryError, match="compressed"):
        await read_bounded(answer(body, Content_Encoding="gzip"), 5000)


async def test_the_start_of_an_error_body_is_enough():
    assert await read_start(answer(b"x" * 5000), 1500) == b"x" * 1500


@pytest.mark.parametrize(("value", "expected"), [("12", 12), ("-1", None), ("1" * 30, None)])
def test_a_content_length_is_a_plain_number(value: str, expected: int | None):
    assert content_length(answer(b"", Content_Length=value)) == expected
