"""The settings page: origins, checking, applying, restart and its rollback."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QLabel, QLineEdit

from puna.config.settings import SETTINGS
from puna.gui.language import Language
from puna.gui.server_state import ServerState
from puna.gui.settings.row_view import SettingRow
from puna.gui.settings.rows import GROUPS, hint, problem, rows_from, text_of, title
from puna.gui.settings.view import SettingsView


@pytest.fixture
def settings(workspace, wait):
    workspace.settings.read()
    wait(lambda: workspace.settings.rows)
    return workspace.settings


def test_every_shown_setting_has_words_and_exists() -> None:
    for names in GROUPS.values():
        for name in names:
            assert name in SETTINGS
            assert title(name)
            assert hint(name)


def test_a_live_change_is_saved_without_a_restart(settings, wait, script, control) -> None:
    settings.stage("keep_alive", "1h")
    assert settings.can_apply
    assert not settings.needs_restart
    applied = []
    settings.applied.connect(applied.append)
    settings.apply()
    wait(lambda: applied)
    assert script.asked("/api/settings")[-2] == {"changes": {"keep_alive": "1h"}}
    assert control.told == []


def test_an_address_restarts_the_server(settings, wait, control) -> None:
    settings.stage("host", "127.0.0.1:11500")
    assert settings.needs_restart
    settings.apply()
    wait(lambda: control.told == ["restart"])


def test_an_address_that_cannot_be_bound_is_taken_back(settings, wait, script, control) -> None:
    errors = []
    settings.failed.connect(errors.append)
    settings.stage("host", "127.0.0.1:11500")
    settings.apply()
    wait(lambda: control.told == ["restart"])
    control.become(ServerState.RUNNING, problem="address already in use")
    wait(lambda: script.asked("/api/settings")[-2:-1] == [{"changes": {"host": None}}])
    assert "already in use" in str(errors[0])


@pytest.mark.parametrize(
    ("name", "value"),
    [("host", "127.0.0.1:99999"), ("keep_alive", "soon"), ("context_length", "x")],
)
def test_a_value_is_checked_as_it_is_typed(settings, name: str, value: str) -> None:
    settings.stage(name, value)
    assert settings.problems[name]
    assert not settings.can_apply


def test_the_value_in_force_is_no_change(settings) -> None:
    settings.stage("host", "127.0.0.1:11500")
    settings.stage("host", "127.0.0.1:11434")
    assert settings.changes == {}


def test_a_changed_setting_goes_back_to_its_default(settings, wait, script) -> None:
    settings.reset("keep_alive")
    settings.apply()
    wait(lambda: settings.rows["keep_alive"].origin == "default")


def test_the_page_shows_where_a_value_comes_from_and_locks_it(settings, qtbot) -> None:
    view = SettingsView(settings)
    qtbot.addWidget(view)
    row = view._rows["context_length"]
    assert "OLLAMA_CONTEXT_LENGTH" in [label.text() for label in row.findChildren(QLabel)]
    assert not row.findChild(QLineEdit).isEnabled()
    assert view._rows["host"].findChild(QLineEdit).isEnabled()


def test_typing_stages_and_the_bar_appears(settings, qtbot) -> None:
    view = SettingsView(settings)
    qtbot.addWidget(view)
    field = view._rows["host"].findChild(QLineEdit)
    field.clear()
    qtbot.keyClicks(field, "0.0.0.0:11500")
    assert settings.changes == {"host": "0.0.0.0:11500"}
    assert view._bar.isVisibleTo(view)
    assert "restart" in view._apply.text()


@pytest.mark.parametrize(
    ("language", "query", "found"),
    [
        ("en", "keep_alive", {"keep_alive"}),
        ("en", "OLLAMA_HOST", {"host"}),
        ("en", "web pages", {"origins"}),
        ("en", "MEMORY stays", {"keep_alive"}),
        ("en", "context", {"context_length"}),
        ("zh_CN", "监听", {"host"}),
        ("zh_CN", "context length", {"context_length"}),
        ("zh_CN", "ollama_origins", {"origins"}),
        ("en", "", {"host", "origins", "keep_alive", "context_length"}),
        ("en", "theme", set()),
    ],
)
def test_a_setting_is_found_by_its_words_and_names(
    settings, qtbot, qapp, language: str, query: str, found: set[str]
) -> None:
    words = Language(qapp)
    words.choose(language)
    view = SettingsView(settings)
    words.choose("en")
    qtbot.addWidget(view)
    qtbot.keyClicks(view._search, query) if query.isascii() else view._search.setText(query)
    assert {name for name, line in view._rows.items() if line.isVisibleTo(view)} == found
    assert view._general.isVisibleTo(view) == (query in ("", "theme"))
    assert not view._nothing.isVisibleTo(view)


def test_a_search_without_a_match_says_so_until_it_is_cleared(settings, qtbot) -> None:
    view = SettingsView(settings)
    qtbot.addWidget(view)
    view._search.setText("no such thing")
    assert view._nothing.isVisibleTo(view)
    view._search.clear()
    assert not view._nothing.isVisibleTo(view)
    assert view._rows["host"].isVisibleTo(view)


def test_making_the_page_opens_no_window_of_its_own(settings, qtbot) -> None:
    before = {id(widget) for widget in QApplication.topLevelWidgets() if widget.isVisible()}
    view = SettingsView(settings)
    qtbot.addWidget(view)
    view._search.setText("host")
    settings.rows_changed.emit()
    visible = [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()]
    assert {id(widget) for widget in visible} <= before


def test_a_search_stays_when_the_settings_are_read_again(settings, qtbot) -> None:
    view = SettingsView(settings)
    qtbot.addWidget(view)
    view._search.setText("OLLAMA_HOST")
    settings.rows_changed.emit()
    assert not view._rows["keep_alive"].isVisibleTo(view)


def test_preferences_survive_a_restart_and_damage(tmp_path) -> None:
    from puna.gui.preferences import Preferences

    file = tmp_path / "window.json"
    Preferences(file).change(theme="dark", enter_sends=False)
    assert Preferences(file).choices.theme == "dark"
    assert not Preferences(file).choices.enter_sends
    file.write_text('{"theme": 7, "language": "zh_CN"}')
    assert Preferences(file).choices.theme == "system"
    assert Preferences(file).choices.language == "zh_CN"
    file.write_text("{")
    assert Preferences(file).choices.theme == "system"


def test_a_server_of_another_program_has_no_settings_here(workspace, wait, script) -> None:
    script.errors["/api/settings"] = (404, "404 page not found")
    read, faults = [], []
    workspace.settings.rows_changed.connect(lambda: read.append(1))
    workspace.settings.failed.connect(faults.append)
    workspace.settings.read()
    wait(lambda: read)
    assert workspace.settings.rows == {}
    assert faults == []


def test_a_setting_with_known_values_offers_them_in_a_list(qtbot, loop) -> None:
    answer = {
        "settings": [
            {
                "name": "kv_cache_type",
                "env": "OLLAMA_KV_CACHE_TYPE",
                "value": "q8_0",
                "default": "",
                "origin": "file",
                "applies": "load",
                "locked": False,
                "choices": ["f16", "q8_0"],
            }
        ]
    }
    line = SettingRow(rows_from(answer)["kv_cache_type"])
    qtbot.addWidget(line)
    edited = []
    line.edited.connect(edited.append)
    (box,) = line.findChildren(QComboBox)
    assert [box.itemText(place) for place in range(box.count())] == ["Automatic", "f16", "q8_0"]
    assert box.currentText() == "q8_0"
    for place in (1, 0):
        box.setCurrentIndex(place)
    assert edited == ["f16", ""]


def test_a_restarted_server_is_asked_again(settings, wait, script, control) -> None:
    script.settings[0]["value"] = "127.0.0.1:18787"
    control.become(ServerState.RUNNING)
    wait(lambda: settings.rows["host"].value == "127.0.0.1:18787")


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (4 << 30, "bytes", "4G"),
        (512 << 20, "bytes", "512M"),
        (1000, "bytes", "1000"),
        (0, "bytes", "0"),
        (300.0, "duration", "5m"),
        (90.0, "duration", "90s"),
        (0.5, "duration", "0.5s"),
        (-1, "duration", "-1"),
        (None, "flag", ""),
        (4096, "number", "4096"),
    ],
)
def test_values_are_shown_as_people_write_them(value, kind: str, text: str) -> None:
    assert text_of(value, kind) == text
    if kind in ("bytes", "duration"):
        name = {"bytes": "state_limit", "duration": "keep_alive"}[kind]
        assert problem(name, text) == ""
