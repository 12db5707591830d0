import json
import math
from dataclasses import fields
from pathlib import Path

import pytest

from puna.config.settings import SETTINGS, Settings, show
from puna.config.sources import Origin, load, save, wants_colors
from puna.errors import InvalidInput


def test_every_setting_has_a_row_and_every_row_a_field() -> None:
    assert {field.name for field in fields(Settings)} == set(SETTINGS)


def test_environment_names_are_unique() -> None:
    assert len({setting.env for setting in SETTINGS.values()}) == len(SETTINGS)


def test_the_command_line_wins_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    save(file, {"max_queue": 3, "num_parallel": 3, "context_length": 3})
    loaded = load({"max_queue": "1"}, {"OLLAMA_MAX_QUEUE": "2", "OLLAMA_NUM_PARALLEL": "2"}, file)
    settings = loaded.settings
    assert (settings.max_queue, settings.num_parallel, settings.context_length) == (1, 2, 3)
    assert loaded.origins["max_queue"] is Origin.COMMAND_LINE
    assert loaded.origins["num_parallel"] is Origin.ENVIRONMENT
    assert loaded.origins["context_length"] is Origin.FILE
    assert loaded.origins["noprune"] is Origin.DEFAULT
    assert loaded.locked("num_parallel")
    assert not loaded.locked("context_length")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("OLLAMA_NOPRUNE", "maybe", True),
        ("OLLAMA_NOPRUNE", "0", False),
        ("OLLAMA_FLASH_ATTENTION", "false", False),
        ("OLLAMA_KEEP_ALIVE", "-1", math.inf),
        ("OLLAMA_KEEP_ALIVE", "30", 30.0),
        ("OLLAMA_LOAD_TIMEOUT", "0", math.inf),
        ("OLLAMA_DEBUG", "2", 2),
        ("OLLAMA_DEBUG", "true", 1),
        ("PUNA_STATE_LIMIT", "2GiB", 2 << 30),
        ("OLLAMA_REMOTES", "a, b,", ("a", "b")),
        ("PUNA_HOSTS", "'x.lan'", ("x.lan",)),
        ("PUNA_SPARE_RUNNER", "0", False),
        ("OLLAMA_KV_CACHE_TYPE", "Q8_0", "q8_0"),
    ],
)
def test_values_follow_gos_rules(tmp_path: Path, name: str, text: str, value: object) -> None:
    field = next(setting.name for setting in SETTINGS.values() if setting.env == name)
    assert getattr(load({}, {name: text}, tmp_path / "none").settings, field) == value


def test_a_bad_number_becomes_the_default_with_a_warning(tmp_path: Path) -> None:
    loaded = load({}, {"OLLAMA_MAX_QUEUE": "many"}, tmp_path / "none")
    assert loaded.settings.max_queue == 512
    assert "OLLAMA_MAX_QUEUE" in loaded.warnings[0]
    assert loaded.origins["max_queue"] is Origin.DEFAULT


def test_a_second_key_alone_protects_nothing_and_that_is_said(tmp_path: Path) -> None:
    second = {"PUNA_INFERENCE_KEY": "second"}
    (warning,) = load({}, second, tmp_path / "none").warnings
    assert "PUNA_API_KEY" in warning
    assert load({}, {**second, "PUNA_API_KEY": "first"}, tmp_path / "none").warnings == ()


def test_a_damaged_settings_file_does_not_stop_the_start(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text("{")
    loaded = load({}, {}, file)
    assert loaded.settings == Settings()
    assert "settings.json" in loaded.warnings[0]


def test_saving_null_resets_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "new" / "settings.json"
    save(file, {"max_queue": 3, "noprune": True})
    save(file, {"max_queue": None})
    assert json.loads(file.read_text()) == {"noprune": "true"}


@pytest.mark.parametrize(
    "changes", [{"nope": 1}, {"max_queue": "x"}, {"origins": "example.com"}, {"keep_alive": "1d"}]
)
def test_a_bad_change_is_refused_and_nothing_is_written(
    tmp_path: Path, changes: dict[str, object]
) -> None:
    file = tmp_path / "settings.json"
    with pytest.raises(InvalidInput):
        save(file, {"noprune": True, **changes})
    assert not file.exists()


def test_a_secret_is_not_shown() -> None:
    assert show(SETTINGS["api_key"], "hunter2") == "********"


def test_shown_values_are_plain_json(tmp_path: Path) -> None:
    settings = load(
        {}, {"OLLAMA_ORIGINS": "https://a.example,chrome-extension://*"}, tmp_path / "none"
    ).settings
    shown = {name: show(row, getattr(settings, name)) for name, row in SETTINGS.items()}
    json.dumps(shown)
    assert shown["origins"] == "https://a.example,chrome-extension://*"
    assert shown["host"] == "127.0.0.1:11434"


def test_an_unknown_cache_type_becomes_the_default_and_the_warning_lists_the_known(
    tmp_path: Path,
) -> None:
    loaded = load({}, {"OLLAMA_KV_CACHE_TYPE": "q3_k"}, tmp_path / "none")
    assert loaded.settings.kv_cache_type == ""
    assert loaded.warnings == (
        "OLLAMA_KV_CACHE_TYPE: 'q3_k' is none of f32, f16, bf16, q8_0, q5_1, q5_0, q4_1, q4_0, "
        "iq4_nl; the default is used",
    )


@pytest.mark.parametrize(
    ("variables", "wanted"),
    [({}, True), ({"NO_COLOR": ""}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
)
def test_colours_can_be_switched_off(
    variables: dict[str, str], wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert wants_colors() is wanted
