from pathlib import Path

import pytest

from puna.config.paths import folders
from puna.config.settings import Settings
from puna.config.sources import Origin, load
from puna.errors import InvalidInput
from puna.services.configuration import Configuration


def configuration(tmp_path: Path, **environ: str) -> Configuration:
    own = folders(str(tmp_path))
    return Configuration(load({}, environ, own.settings_file), own)


def test_live_settings_take_effect_and_others_are_announced(tmp_path: Path) -> None:
    subject = configuration(tmp_path)
    outcome = subject.apply({"max_queue": 7, "models": str(tmp_path / "elsewhere")})
    assert outcome.applied == ("max_queue",)
    assert outcome.restart_required == ("models",)
    assert subject.current.max_queue == 7
    assert subject.current.models == Settings().models
    assert subject.loaded.origins["max_queue"] is Origin.FILE


def test_a_setting_of_the_environment_is_locked(tmp_path: Path) -> None:
    subject = configuration(tmp_path, OLLAMA_MAX_QUEUE="3")
    assert subject.apply({"max_queue": 7}).locked == ("max_queue",)
    assert subject.current.max_queue == 3


def test_null_goes_back_to_the_default(tmp_path: Path) -> None:
    subject = configuration(tmp_path)
    subject.apply({"max_queue": 7})
    subject.apply({"max_queue": None})
    assert subject.current.max_queue == 512
    assert subject.loaded.origins["max_queue"] is Origin.DEFAULT


def test_nothing_changes_when_one_value_is_bad(tmp_path: Path) -> None:
    subject = configuration(tmp_path)
    with pytest.raises(InvalidInput):
        subject.apply({"max_queue": 7, "keep_alive": "1d"})
    assert subject.current == Settings()


def test_listeners_hear_of_changes(tmp_path: Path) -> None:
    subject = configuration(tmp_path)
    heard: list[Settings] = []
    subject.subscribe(heard.append)
    subject.apply({"models": str(tmp_path)})
    subject.apply({"keep_alive": "10m"})
    assert [settings.keep_alive for settings in heard] == [600.0]
