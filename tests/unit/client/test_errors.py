from __future__ import annotations

import pytest

from puna.client.errors import HttpAnswer, error_in_stream, error_of, text_of
from puna.errors import (
    ManifestUnknown,
    ModelNotFound,
    NoSpace,
    NotFound,
    OutOfMemory,
    PunaError,
    RegistryDenied,
    RegistryUnreachable,
    StoreReadOnly,
)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error":"no"}', "no"),
        (b'{"error":{"message":"no","type":"x"}}', "no"),
        (b"404 page not found\n", "404 page not found"),
        (b'["x"]', ""),
        (b'{"error":5}', ""),
        (b"\xff", "\ufffd"),
    ],
)
def test_the_text_of_an_error_is_found_in_every_form(body: bytes, text: str) -> None:
    assert text_of(body) == text


def test_an_error_without_a_text_shows_its_status() -> None:
    assert str(error_of(404, b"")) == "404 Not Found"
    assert str(error_of(599, b"")) == "599"


def test_a_missing_model_is_known_by_its_text() -> None:
    error = error_of(404, b'{"error":"model \'m:latest\' not found"}')
    assert isinstance(error, ModelNotFound)
    assert error.name == "m:latest"


def test_another_missing_thing_is_no_missing_model() -> None:
    assert type(error_of(404, b'{"error":"blob gone"}')) is NotFound


def test_an_unknown_status_is_a_plain_error_with_its_answer_as_cause() -> None:
    error = error_of(500, b'{"error":"boom"}')
    assert type(error) is PunaError
    assert isinstance(error.__cause__, HttpAnswer)
    assert error.__cause__.line == "500 Internal Server Error"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("pull model manifest: file does not exist", ManifestUnknown),
        (
            'pull model manifest: Get "https://registry.ollama.ai/v2/library/m/manifests/1": '
            "dial tcp: lookup registry.ollama.ai: no such host",
            RegistryUnreachable,
        ),
        ('max retries exceeded: Get "https://cdn/x": EOF', RegistryUnreachable),
        ("pull model manifest: unauthorized: access denied", RegistryDenied),
        ("not enough disk space: 9 bytes are needed, 1 bytes are free", NoSpace),
        ("write download: no space left on the disk of the models folder", NoSpace),
        ("mkdir x: the models folder cannot be written (read-only file system)", StoreReadOnly),
        ("model requires more system memory (9.0 GiB) than is available", OutOfMemory),
        ("something else with file does not exist in it", PunaError),
    ],
)
def test_what_the_status_does_not_tell_the_text_does(text: str, kind: type[PunaError]) -> None:
    body = b'{"error":"%s"}' % text.replace('"', r"\"").encode()
    for error in (error_of(500, body), error_in_stream(body)):
        assert type(error) is kind
        assert str(error) == text


def test_a_stream_error_without_a_text_is_an_error_all_the_same() -> None:
    assert str(error_in_stream(b'{"error":""}')) == "unknown error"
