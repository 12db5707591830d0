import errno
import inspect

import pytest

from puna import errors
from puna.server.errors import (
    anthropic_body,
    headers_of,
    known,
    native_body,
    openai_body,
    status_of,
)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.UnsupportedOption("x"), 400),
        (errors.Unauthorized("x"), 401),
        (errors.Forbidden("x"), 403),
        (errors.ModelNotFound("x"), 404),
        (errors.Conflict("x"), 409),
        (errors.TooLarge("x"), 413),
        (errors.RequestCanceled("x"), 499),
        (errors.QueueFull(), 503),
        (errors.NoSpace("x"), 507),
        (errors.StoreDamaged("x"), 500),
        (errors.RunnerCrashed("x", returncode=-9), 500),
    ],
)
def test_the_status_follows_from_the_class(error: errors.PunaError, status: int) -> None:
    assert status_of(error) == status


def test_every_error_has_a_status() -> None:
    for _, kind in inspect.getmembers(errors, inspect.isclass):
        if issubclass(kind, errors.PunaError):
            assert 400 <= status_of(kind.__new__(kind)) < 600


def test_who_is_busy_says_when_to_come_back() -> None:
    assert headers_of(errors.QueueFull()) == [(b"retry-after", b"5")]
    assert headers_of(errors.InvalidInput("x")) == []


def test_a_bug_shows_nothing_of_itself(caplog: pytest.LogCaptureFixture) -> None:
    assert str(known(ValueError("secret /path"))) == "internal server error"
    assert "secret" in caplog.text


def test_a_full_disk_is_known() -> None:
    assert isinstance(known(OSError(errno.ENOSPC, "x")), errors.NoSpace)


def test_each_dialect_has_its_object() -> None:
    error = errors.ModelNotFound("x")
    assert native_body(error) == {"error": "model 'x' not found"}
    assert openai_body(error)["error"]["type"] == "not_found_error"
    assert anthropic_body(error)["error"]["type"] == "not_found_error"
    assert openai_body(errors.Forbidden("no cloud")) == {"error": "no cloud"}
