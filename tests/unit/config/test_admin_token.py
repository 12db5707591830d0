import os
import stat
from pathlib import Path

import pytest

from puna.config import admin_token


def test_the_token_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "config" / "admin-token"
    assert admin_token.read(file) is None
    token = admin_token.ensure(file)
    assert len(token) >= 32
    assert admin_token.ensure(file) == token == admin_token.read(file)


@pytest.mark.skipif(os.name == "nt", reason="POSIX file modes")
def test_only_its_owner_can_read_the_token(tmp_path: Path) -> None:
    file = tmp_path / "admin-token"
    admin_token.ensure(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_tokens_are_compared_whole() -> None:
    assert admin_token.matches("abc", "abc")
    assert not admin_token.matches("ab", "abc")
