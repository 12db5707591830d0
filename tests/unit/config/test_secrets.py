from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, PasswordDeleteError

from puna.config import secrets, sources


class MemoryKeyring(KeyringBackend):
    """A keyring that forgets when the test ends."""

    priority: ClassVar[float] = 9
    locked = False

    def __init__(self) -> None:
        super().__init__()
        self.passwords: dict[tuple[str, str], str] = {}

    def _open(self) -> dict[tuple[str, str], str]:
        if self.locked:
            raise KeyringError("locked")
        return self.passwords

    def get_password(self, service: str, username: str) -> str | None:
        return self._open().get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self._open().pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


@pytest.fixture
def memory() -> Iterator[MemoryKeyring]:
    """The keyring of this desktop."""
    before, backend = keyring.get_keyring(), MemoryKeyring()
    keyring.set_keyring(backend)
    yield backend
    keyring.set_keyring(before)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.json"


def key(file: Path) -> str:
    return sources.load({}, {}, file).settings.api_key


def test_a_key_lies_in_the_keyring_and_not_in_the_file(memory: MemoryKeyring, file: Path) -> None:
    sources.save(file, {"api_key": "sesame", "max_queue": 3})
    assert json.loads(file.read_text()) == {"api_key": secrets.REFERENCE, "max_queue": "3"}
    assert list(memory.passwords.values()) == ["sesame"]
    assert key(file) == "sesame"


def test_a_key_that_is_reset_leaves_the_keyring(memory: MemoryKeyring, file: Path) -> None:
    sources.save(file, {"api_key": "sesame"})
    sources.save(file, {"api_key": None})
    assert memory.passwords == {}
    assert key(file) == ""
    sources.save(file, {"api_key": None})


def test_settings_files_have_keys_of_their_own(memory: MemoryKeyring, tmp_path: Path) -> None:
    for name in ("one", "two"):
        sources.save(tmp_path / name, {"api_key": name})
    assert [key(tmp_path / name) for name in ("one", "two")] == ["one", "two"]


def test_a_keyring_that_stays_locked_keeps_the_server_closed(
    memory: MemoryKeyring, file: Path
) -> None:
    sources.save(file, {"api_key": "sesame"})
    memory.locked = True
    loaded = sources.load({}, {}, file)
    assert len(loaded.settings.api_key) > 30
    assert "PUNA_API_KEY" in loaded.warnings[0]


def test_without_a_keyring_only_the_owner_can_read_the_file(
    memory: MemoryKeyring, file: Path
) -> None:
    memory.locked = True
    sources.save(file, {"api_key": "sesame"})
    assert file.stat().st_mode & 0o077 == 0
    assert key(file) == "sesame"


def test_the_keyring_is_left_alone_while_no_secret_lies_in_it(
    memory: MemoryKeyring, file: Path
) -> None:
    memory.locked = True
    sources.save(file, {"max_queue": 3})
    assert sources.load({}, {}, file).warnings == ()


def test_the_environment_wins(memory: MemoryKeyring, file: Path) -> None:
    sources.save(file, {"api_key": "sesame"})
    assert sources.load({}, {"PUNA_API_KEY": "other"}, file).settings.api_key == "other"
