import base64
import json
from pathlib import Path

import pytest

from puna.registry.credentials import Login, docker_login

AUTH = base64.b64encode(b"kit:kit:pass").decode()


def write(folder: Path, document: object) -> Path:
    file = folder / "config.json"
    file.write_text(json.dumps(document))
    return file


@pytest.mark.parametrize(
    "address", ["reg:5000", "REG:5000", "https://reg:5000", "https://reg:5000/v1/"]
)
def test_a_docker_login_is_found_by_host_and_port(address: str, tmp_path: Path):
    file = write(tmp_path, {"auths": {address: {"auth": AUTH}}})
    assert docker_login("reg:5000", file) == Login("kit", "kit:pass")


@pytest.mark.parametrize(
    "document",
    [
        {"auths": {"reg:5001": {"auth": AUTH}}},
        {"auths": {"reg:5000": {}}},
        {"auths": {"reg:5000": {"auth": "no base64"}}},
        {"auths": {"reg:5000": {"auth": base64.b64encode(b"no colon").decode()}}},
        {"auths": {"reg:5000": "text"}},
        {"auths": []},
        [],
    ],
)
def test_another_or_a_damaged_entry_is_no_login(document: object, tmp_path: Path):
    assert docker_login("reg:5000", write(tmp_path, document)) is None


def test_a_missing_file_is_no_login(tmp_path: Path):
    assert docker_login("reg:5000", tmp_path / "absent") is None


def test_a_password_is_not_shown():
    assert "secret" not in repr(Login("user", "secret"))


def test_basic_authentication_is_base64():
    assert Login("kit", "kitpass").basic == "Basic a2l0OmtpdHBhc3M="
