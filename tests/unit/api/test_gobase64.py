"""Base64 as Go reads it."""

from __future__ import annotations

import pytest

from puna.api.gobase64 import decode_base64
from puna.errors import InvalidInput


@pytest.mark.parametrize(
    ("text", "data"),
    [("aGk=", b"hi"), ("aG\nk=", b"hi"), ("data:image/png;base64,aGk=", b"hi"), ("", b"")],
)
def test_base64_is_read_with_or_without_a_data_prefix(text: str, data: bytes) -> None:
    assert decode_base64(text) == data


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("!!", 0),
        ("a", 0),
        ("aG!k", 2),
        ("aGk", 0),
        ("aGkxa", 4),
        ("=", 0),
        ("a===", 1),
        ("aG=", 3),
        ("aG=a", 2),
        ("aGk=x", 4),
        ("data:x", 4),
    ],
)
def test_bad_base64_is_refused_in_gos_words(text: str, at: int) -> None:
    with pytest.raises(InvalidInput, match=f"illegal base64 data at input byte {at}$"):
        decode_base64(text)
