"""The API page: examples that run as printed, the test, refused origins."""

from __future__ import annotations

import json
import shlex

import pytest

from puna.errors import ServerUnreachable
from puna.gui.api.snippets import Dialect, Language, base_url, snippet
from puna.gui.api.view import ApiView


@pytest.mark.parametrize("dialect", Dialect)
@pytest.mark.parametrize("language", Language)
def test_every_example_names_address_and_model(dialect: Dialect, language: Language) -> None:
    text = snippet(dialect, language, "http://127.0.0.1:11434", "gemma3:4b")
    assert "http://127.0.0.1:11434" in text
    assert "gemma3:4b" in text
    if language is Language.PYTHON:
        compile(text, "example", "exec")


@pytest.mark.parametrize("dialect", Dialect)
def test_the_curl_example_runs_as_printed(dialect: Dialect, server, script) -> None:
    words = shlex.split(snippet(dialect, Language.CURL, server.url, "m"))
    assert words[:1] + words[2:3] == ["curl", "-d"]
    assert words[1].startswith(server.url)
    assert json.loads(words[3])["stream"] is False


def test_openai_clients_want_the_address_with_v1() -> None:
    assert base_url("http://h:1", Dialect.OPENAI) == "http://h:1/v1"


@pytest.mark.parametrize("dialect", Dialect)
def test_the_test_button_shows_the_answer(workspace, wait, qtbot, dialect: Dialect) -> None:
    view = ApiView(workspace.api)
    qtbot.addWidget(view)
    workspace.api.choose(dialect=dialect)
    view._test.click()
    wait(lambda: "Because of scattering." in view._result.text())
    assert view._test.isEnabled()


def test_a_failed_test_says_why(workspace, wait, server) -> None:
    server.close()
    errors = []
    workspace.api.test_failed.connect(errors.append)
    workspace.api.test()
    wait(lambda: errors)
    assert isinstance(errors[0], ServerUnreachable)
