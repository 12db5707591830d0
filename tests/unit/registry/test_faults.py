from __future__ import annotations

import httpx2
import pytest

from puna.errors import ManifestUnknown, RegistryError
from puna.registry.faults import (
    ConnectionLost,
    StatusError,
    parse_json,
    status_error,
    transport_error,
)

REQUEST = httpx2.Request("GET", "https://h/v2/x?token=secret")


def test_a_404_is_a_missing_file():
    assert isinstance(status_error(404, b"whatever"), ManifestUnknown)


@pytest.mark.parametrize(
    ("status", "body", "retry_after", "text"),
    [
        (500, b"oops", None, "500: oops"),
        (500, b"", None, "500: "),
        (503, b"busy", 5.0, "503: busy"),
        (429, b"slow", 5.0, "429: slow (try again in 5 s)"),
        (400, b"\x1b[31mred\x00\x07\xff\n", None, "400: [31mred\ufffd\n"),
        (400, b"x" * 10_000, None, "400: " + "x" * 4096),
    ],
)
def test_a_status_is_told_with_its_body_made_harmless(status, body, retry_after, text):
    error = status_error(status, body, retry_after)
    assert isinstance(error, StatusError)
    assert (str(error), error.retry_after) == (text, retry_after)


def test_a_query_is_not_told():
    assert "secret" not in str(transport_error(REQUEST, httpx2.ReadError("x")))


@pytest.mark.parametrize(
    ("error", "text", "lost"),
    [
        (httpx2.ConnectError("dial tcp: lookup h: no such host"), 'Get "https://h/v2/x": dial tcp: lookup h: no such host', False),
        (httpx2.ConnectTimeout("dial tcp 1.2.3.4:443: i/o timeout"), 'Get "https://h/v2/x": dial tcp 1.2.3.4:443: i/o timeout', False),
        (httpx2.ReadTimeout(""), 'Get "https://h/v2/x": i/o timeout', True),
        (httpx2.ReadError(""), 'Get "https://h/v2/x": EOF', True),
        (httpx2.RemoteProtocolError("x"), 'Get "https://h/v2/x": EOF', True),
    ],
)  # fmt: skip
def test_a_failed_request_is_told_as_go_does(error, text, lost):
    told = transport_error(REQUEST, error)
    assert (str(told), isinstance(told, ConnectionLost)) == (text, lost)


def test_json_is_decoded():
    assert parse_json(b'{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "unexpected end of JSON input"),
        (b'{"a": ', "unexpected end of JSON input"),
        (b" <html>", "invalid character '<' looking for beginning of value"),
        (b"[" * 100_000, "nested too deeply"),
        (b"{} x", "invalid JSON"),
        (b"\xff\xfe", "invalid JSON"),
    ],
)
def test_what_is_no_json_is_told(body: bytes, text: str):
    with pytest.raises(RegistryError) as caught:
        parse_json(body)
    assert text in str(caught.value)
