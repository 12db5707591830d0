from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puna.errors import InvalidInput
from puna.store.digest import Digest

HEX = "ab" * 32


@pytest.mark.parametrize("text", [f"sha256:{HEX}", f"sha256-{HEX}", f"sha256:{HEX.upper()}"])
def test_both_separators_and_cases_are_read(text: str) -> None:
    assert Digest.parse(text) == Digest(HEX)


@pytest.mark.parametrize(
    "text",
    [
        "",
        HEX,
        f"sha256:{HEX[:-1]}",
        f"sha256:{HEX}0",
        f"sha256:{HEX}\n",
        f"sha512:{HEX}",
        f"sha256:../{HEX[3:]}",
        f"SHA256:{HEX}",
        f"sha256:{HEX[:-1]}١",
    ],
)
def test_any_other_form_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^invalid digest format$"):
        Digest.parse(text)


@given(st.text())
def test_no_text_gives_a_name_with_a_separator(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        assert "/" not in Digest.parse(text).filename


def test_a_file_and_its_bytes_have_one_digest(tmp_path: Path) -> None:
    data = os.urandom(3_000_000)
    path = tmp_path / "f"
    path.write_bytes(data)
    descriptor = os.open(path, os.O_RDONLY)
    assert Digest.of_file(descriptor) == Digest.of(data)
    os.close(descriptor)
