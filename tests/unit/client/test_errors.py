from __future__ import annotations

import pytest

from puna.client.errors import HttpAnswer, error_of, text_of
from puna.errors import ModelNotFound, NotFound, PunaError


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
