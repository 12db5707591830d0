from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from puna.config import sources
from puna.config.paths import folders
from puna.errors import Conflict, InvalidInput
from puna.services.configuration import Configuration
from puna.services.origins import Decision, Origins

PAGE = "https://page.example"
Start = Callable[..., tuple[Configuration, Origins]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """A server's view of the settings, as after a start."""

    def begin(**environment: str) -> tuple[Configuration, Origins]:
        own = folders(str(tmp_path))
        configuration = Configuration(sources.load({}, environment, own.settings_file), own)
        return configuration, Origins(configuration)

    return begin


def test_once_lasts_until_the_server_ends(start: Start) -> None:
    _, origins = start()
    origins.decide(PAGE, Decision.ONCE)
    assert origins.admits(PAGE)
    configuration, again = start()
    assert not again.admits(PAGE)
    assert configuration.current.allowed_origins == ()


def test_always_and_never_outlast_the_server(start: Start) -> None:
    _, origins = start()
    origins.decide(PAGE, Decision.ALWAYS)
    origins.decide("http://other.example:8080", Decision.NEVER)
    configuration, _ = start()
    assert configuration.current.allowed_origins == (PAGE,)
    assert configuration.current.blocked_origins == ("http://other.example:8080",)


@pytest.mark.parametrize("last", list(Decision))
def test_the_last_decision_counts(start: Start, last: Decision) -> None:
    configuration, origins = start()
    for decision in (*Decision, last):
        origins.decide(PAGE, decision)
    assert origins.admits(PAGE) is (last is Decision.ONCE)
    assert (PAGE in configuration.current.allowed_origins) is (last is Decision.ALWAYS)
    assert (PAGE in configuration.current.blocked_origins) is (last is Decision.NEVER)


@pytest.mark.parametrize(
    "origin", ["", "null", "*", "https://*.example", "page.example", "https://", "https://a/b"]
)
def test_only_one_site_at_a_time_is_decided_on(start: Start, origin: str) -> None:
    with pytest.raises(InvalidInput):
        start()[1].decide(origin, Decision.ALWAYS)


def test_a_list_of_the_environment_cannot_be_changed(start: Start) -> None:
    _, origins = start(PUNA_ALLOWED_ORIGINS="https://fixed.example")
    with pytest.raises(Conflict):
        origins.decide(PAGE, Decision.ALWAYS)
    origins.decide(PAGE, Decision.ONCE)
    assert origins.admits(PAGE)
